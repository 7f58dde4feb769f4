/** How long each part took, over all sessions: kept in a file, so that a run that was stopped knows what it has spent. */

import { existsSync } from "node:fs"
import { writeJson } from "../../src/checkpoint/files.js"
import { readJsonObject } from "../../src/checkpoint/json.js"

export class Clock {
  readonly times: Record<string, number>
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    this.times = existsSync(file) ? (readJsonObject(file) as Record<string, number>) : {}
  }

  /** Adds the seconds of this work, also when it was stopped. */
  async time<T>(part: string, work: () => Promise<T>): Promise<T> {
    const before = this.times[part] ?? 0
    const started = performance.now()
    try {
      return await work()
    } finally {
      this.times[part] = before + (performance.now() - started) / 1000
      await writeJson(this.#file, this.times)
    }
  }
}
