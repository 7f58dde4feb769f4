/** The progress of a long job: one moving line on a terminal, a plain line now and then elsewhere. Knows only numbers and text. */

import { formatDuration } from "./format.js"
import { shorten } from "./width.js"

/** A terminal or a file; tests pass their own. */
export interface TextStream {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

export interface ProgressOptions {
  /** @default process.stderr */
  stream?: TextStream
  /** Seconds between plain lines where there is no terminal. @default 10 */
  plainEvery?: number
  /** A clock in milliseconds. @default performance.now */
  now?: () => number
}

/** At most ten redraws a second: more is not seen, and costs time. */
const REDRAW_MS = 100
/** The time left is told once the rate rests on this many seconds. */
const SETTLE_SECONDS = 3

export class Progress {
  readonly #label: string
  readonly #stream: TextStream
  readonly #plainMs: number
  readonly #now: () => number
  readonly #started: number
  /** Where counting began: a resumed job does not start at 0. */
  #first: { done: number; time: number } | undefined
  #last: { done: number; total: number; facts: readonly string[]; left?: number } = { done: 0, total: 0, facts: [] }
  #drawn = Number.NEGATIVE_INFINITY
  #toldLeft = false
  #live = false

  constructor(
    label: string,
    { stream = process.stderr, plainEvery = 10, now = () => performance.now() }: ProgressOptions = {},
  ) {
    this.#label = label
    this.#stream = stream
    this.#plainMs = plainEvery * 1000
    this.#now = now
    this.#started = now()
  }

  /**
   * @param done how much is done, in any unit
   * @param total how much there is; 0 when unknown
   * @param facts short ones, e.g. "loss 1.23"; the time left stands behind the first: a small terminal cuts off what is last
   * @param left seconds to the end of everything that this job is a part of, where they are known
   */
  update(done: number, total = 0, facts: string | readonly string[] = [], left?: number): void {
    const time = this.#now()
    this.#first ??= { done, time }
    this.#last = { done, total, facts: [facts].flat().filter((fact) => fact !== ""), left }
    // Lines are rare without a terminal: the first time left is not kept until the next one.
    const isNews = !this.#stream.isTTY && left !== undefined && left > 0 && !this.#toldLeft
    if (!isNews && time - this.#drawn < (this.#stream.isTTY ? REDRAW_MS : this.#plainMs)) return
    this.#draw(time)
  }

  /** Prints a line of its own, above the moving one. */
  note(line: string): void {
    this.clear()
    this.#stream.write(`${line}\n`)
    if (this.#stream.isTTY && this.#first) this.#draw(this.#now())
  }

  /** Ends the progress with a line that stays; by default the label and the time it took. */
  finish(line = `${this.#label} · ${formatDuration((this.#now() - this.#started) / 1000)}`): void {
    this.clear()
    if (line) this.#stream.write(`${line}\n`)
  }

  #draw(time: number): void {
    this.#drawn = time
    this.#toldLeft ||= this.#last.left !== undefined
    const text = this.#text(time)
    if (this.#stream.isTTY) {
      this.#stream.write(`\r${shorten(text, (this.#stream.columns ?? 80) - 1)}\x1b[K`)
      this.#live = true
    } else {
      this.#stream.write(`${text}\n`)
    }
  }

  #text(time: number): string {
    const { done, total, facts } = this.#last
    const parts = [this.#label]
    if (total > 0) parts.push(`${Math.floor((100 * Math.min(done, total)) / total)} %`)
    else if (done > 0) parts.push(String(done))
    parts.push(...facts.slice(0, 1), ...this.#times(time), ...facts.slice(1))
    return parts.join(" · ")
  }

  /** How long it takes yet; of what has no known end, how long it took. */
  #times(time: number): string[] {
    const { left, total } = this.#last
    if (left !== undefined) return [`${formatDuration(left)} left in all`]
    const seconds = this.#secondsLeft(time)
    if (seconds !== undefined) return [`${formatDuration(seconds)} left`]
    return total > 0 ? [] : [formatDuration((time - this.#started) / 1000)]
  }

  #secondsLeft(time: number): number | undefined {
    const { done, total } = this.#last
    if (!this.#first || total <= 0) return undefined
    const seconds = (time - this.#first.time) / 1000
    const advanced = done - this.#first.done
    if (seconds < SETTLE_SECONDS || advanced <= 0) return undefined
    return (Math.max(0, total - done) * seconds) / advanced
  }

  /** Removes the moving line, so that something else can be written there; the next update draws it again. */
  clear(): void {
    if (this.#live) this.#stream.write("\r\x1b[K")
    this.#live = false
  }
}
