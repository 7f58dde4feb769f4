/** When a training gives back the memory that it freed and kept: batches of ever other lengths leave holes in it. */

import { isMemoryScarce, returnFreedMemory } from "../torch/index.js"

/** Steps behind one return and before the next: they show what a step needs, and what a return costs is spread over them. */
const WATCHED = 10
/** How much more than that the process may hold. */
const GROWTH = 1.5

export interface Memory {
  /** Bytes that the process holds. */
  held(): number
  isScarce(): boolean
  giveBack(): void
}

const SYSTEM: Memory = {
  held: () => process.memoryUsage.rss(),
  isScarce: isMemoryScarce,
  giveBack: returnFreedMemory,
}

export class FreedMemory {
  readonly #memory: Memory
  #steps = 0
  /** The most that was held behind one of the watched steps. */
  #needed = 0

  constructor(memory: Memory = SYSTEM) {
    this.#memory = memory
    // What the training before this one left, in the same process, is not what the steps need.
    memory.giveBack()
  }

  /** Called once in each step, when the most of its memory is freed. */
  afterBackward(): void {
    const bytes = this.#memory.held()
    this.#steps++
    if (this.#steps <= WATCHED) {
      this.#needed = Math.max(this.#needed, bytes)
      return
    }
    if (bytes <= GROWTH * this.#needed && !this.#memory.isScarce()) return
    this.#memory.giveBack()
    this.#steps = 0
    this.#needed = 0
  }
}
