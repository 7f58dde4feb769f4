/** Text that ends before the first of some texts: what may be the beginning of one is held back until it is known. */

export class StopFilter {
  /** The text before which it ended. */
  stopped: string | undefined
  readonly #stops: readonly string[]
  readonly #longest: number
  /** Not given out yet: a beginning of a stop text ends it. */
  #held = ""

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "")
    this.#longest = this.#stops.reduce((most, { length }) => Math.max(most, length), 0)
  }

  /** @returns what can be given out now; nothing after the text has ended */
  push(text: string): string {
    if (this.stopped !== undefined) return ""
    const whole = this.#held + text
    const found = this.#first(whole)
    if (found) this.stopped = found.stop
    const end = found ? found.start : whole.length - this.#beginning(whole)
    this.#held = found ? "" : whole.slice(end)
    return whole.slice(0, end)
  }

  /** What was held back, where nothing came to end it. */
  finish(): string {
    const rest = this.#held
    this.#held = ""
    return rest
  }

  /** The one that is complete first, and of those the longest: so the pieces in which a text comes do not matter. */
  #first(text: string): { stop: string; start: number } | undefined {
    let first: { stop: string; start: number; end: number } | undefined
    for (const stop of this.#stops) {
      const start = text.indexOf(stop)
      const end = start + stop.length
      if (start >= 0 && (!first || end < first.end || (end === first.end && start < first.start)))
        first = { stop, start, end }
    }
    return first
  }

  /** Characters at the end that may begin a stop text. */
  #beginning(text: string): number {
    for (let held = Math.min(text.length, this.#longest - 1); held > 0; held--) {
      const end = text.slice(-held)
      if (this.#stops.some((stop) => stop.startsWith(end))) return held
    }
    return 0
  }
}
