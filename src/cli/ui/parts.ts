/** The progress of a job of several parts: one moving line at a time, which the next part ends. */

import { Progress, type ProgressOptions } from "./progress.js"

export class PartProgress {
  readonly #options: ProgressOptions
  #progress: Progress | undefined
  #part = ""

  constructor(options: ProgressOptions = {}) {
    this.#options = options
  }

  /** @param left seconds to the end of all parts, where they are known */
  update(part: string, done: number, total = 0, facts: string | readonly string[] = [], left?: number): void {
    if (part !== this.#part) {
      this.end()
      this.#progress = new Progress(part, this.#options)
      this.#part = part
    }
    this.#progress?.update(done, total, facts, left)
  }

  /** Ends the moving line, where there is one, with another that stays: by default the part and the time it took. */
  end(line?: string): void {
    this.#progress?.finish(line)
    this.#progress = undefined
    this.#part = ""
  }

  /** A line that stays, in the place of the moving one where there is one. */
  note(line: string): void {
    if (this.#progress) this.end(line)
    else (this.#options.stream ?? process.stderr).write(`${line}\n`)
  }
}
