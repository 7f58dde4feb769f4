/** How long the rest takes: what each part was measured to cost beforehand, corrected by how it goes. Knows only numbers. */

export interface TimedPart {
  name: string
  /** Steps, questions, … that are left at the start of this session. */
  units: number
  /** As measured before anything long began. */
  secondsPerUnit: number
}

/** What was foreseen is corrected by the last this many seconds: a machine may become busy or idle on the way. */
const WINDOW_SECONDS = 45
/** Until so many seconds have passed, what was foreseen stands. */
const SETTLE_SECONDS = 5

export class TimeLeft {
  readonly #parts: ReadonlyMap<string, TimedPart>
  readonly #done = new Map<string, number>()
  readonly #now: () => number
  /** Times (s), and the foreseen seconds of what was done by then. */
  readonly #marks: { time: number; foreseen: number }[] = []

  /** @param now a clock in seconds */
  constructor(parts: readonly TimedPart[], now: () => number = () => performance.now() / 1000) {
    this.#parts = new Map(parts.map((part) => [part.name, part]))
    this.#now = now
  }

  /** Foreseen seconds of all parts. */
  get total(): number {
    return [...this.#parts.values()].reduce((sum, { units, secondsPerUnit }) => sum + units * secondsPerUnit, 0)
  }

  /** @param done units of this part done in this session */
  update(name: string, done: number): void {
    const part = this.#parts.get(name)
    if (!part) return
    this.#done.set(name, Math.min(done, part.units))
    const time = this.#now()
    this.#marks.push({ time, foreseen: this.#foreseen() })
    while (this.#marks.length > 2 && time - this.#marks[1].time >= WINDOW_SECONDS) this.#marks.shift()
  }

  /** Seconds to the end of all parts. */
  get seconds(): number {
    const left = this.total - this.#foreseen()
    const first = this.#marks[0]
    const last = this.#marks[this.#marks.length - 1]
    if (!first || last.time - first.time < SETTLE_SECONDS || last.foreseen <= first.foreseen) return left
    return (left * (last.time - first.time)) / (last.foreseen - first.foreseen)
  }

  #foreseen(): number {
    return [...this.#done].reduce((sum, [name, done]) => sum + done * this.#parts.get(name)!.secondsPerUnit, 0)
  }
}
