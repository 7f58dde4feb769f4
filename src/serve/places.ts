/** Places at the engine: a few answers at a time, a few more that wait, and a word for those who come too many. */

import { ApiError } from "./api-error.js"

export interface PlacesOptions {
  /** Answers under way at a time. */
  running: number
  /** Requests that may wait beside them. */
  waiting: number
}

interface Waiting {
  count: number
  start(): void
}

/** A request that was let in. */
export interface Ticket {
  /**
   * Waits for places of so many answers, in the order in which requests were ready.
   * @throws the reason of `signal` when it is aborted
   */
  start(count: number, signal?: AbortSignal): Promise<void>
  /** Gives everything back. */
  leave(): void
}

export class Places {
  readonly #options: PlacesOptions
  readonly #queue: Waiting[] = []
  #tickets = 0
  #running = 0

  constructor(options: PlacesOptions) {
    this.#options = options
  }

  /** Answers under way. */
  get running(): number {
    return this.#running
  }
  /** Requests that were let in and have no place yet. */
  get waiting(): number {
    return this.#queue.length
  }
  /** Requests that were let in. */
  get tickets(): number {
    return this.#tickets
  }

  /** @throws ApiError 429 where as many wait as may */
  requireRoom(): void {
    const { running, waiting } = this.#options
    if (this.#tickets >= running + waiting)
      throw new ApiError(429, `${this.#tickets} requests are being answered or wait; try again in a moment`, {
        code: "rate_limit_exceeded",
        retryAfter: 1,
      })
  }

  /** @throws ApiError 429 where as many wait as may */
  enter(): Ticket {
    this.requireRoom()
    this.#tickets++
    let held = 0
    const left = new AbortController()
    return {
      start: (count, signal) =>
        this.#place(count, signal ? AbortSignal.any([signal, left.signal]) : left.signal, () => {
          held = count
        }),
      leave: () => {
        if (left.signal.aborted) return
        this.#tickets--
        this.#running -= held
        left.abort(new Error("it left"))
        this.#next()
      },
    }
  }

  /** @param hold called at the moment at which the places are taken */
  async #place(count: number, signal: AbortSignal, hold: () => void): Promise<void> {
    signal.throwIfAborted()
    if (this.#queue.length === 0 && this.#fits(count)) {
      this.#running += count
      hold()
      return
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1)
        reject(signal.reason)
        this.#next()
      }
      const waiting: Waiting = {
        count,
        start: () => {
          signal.removeEventListener("abort", leave)
          hold()
          resolve()
        },
      }
      signal.addEventListener("abort", leave, { once: true })
      this.#queue.push(waiting)
    })
  }

  /** One that wants more than there is at all gets it when nobody else has any. */
  #fits(count: number): boolean {
    return this.#running === 0 || this.#running + count <= this.#options.running
  }

  #next(): void {
    while (this.#queue.length > 0 && this.#fits(this.#queue[0].count)) {
      const next = this.#queue.shift()!
      this.#running += next.count
      next.start()
    }
  }
}
