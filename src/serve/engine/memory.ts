/** Memory for pictures that are being prepared, and for keys and values of the answers under way: a limit for all of them together, in the order in which they came. */

import { ApiError } from "../api-error.js"

interface Waiting {
  bytes: number
  start(): void
}

const KINDS = {
  answers: {
    what: "prompt and answer",
    fix: "shorten the prompt or ask for fewer tokens",
    code: "context_length_exceeded",
  },
  pictures: { what: "the pictures", fix: "send fewer or smaller ones", code: "image_too_large" },
}

export class MemoryBudget {
  #used = 0
  #most = 0
  readonly #waiting: Waiting[] = []

  /** @param limit in bytes, of all answers together */
  constructor(readonly limit: number) {}

  /** Bytes that are promised to answers under way. */
  get used(): number {
    return this.#used
  }
  /** The most that ever was. */
  get most(): number {
    return this.#most
  }

  /**
   * Waits until there is room.
   * @param kind what it is for
   * @returns gives the room back
   * @throws ApiError for more than there will ever be; the reason of `signal` when it is aborted
   */
  async take(bytes: number, signal?: AbortSignal, kind: keyof typeof KINDS = "answers"): Promise<() => void> {
    signal?.throwIfAborted()
    if (bytes > this.limit) {
      const { what, fix, code } = KINDS[kind]
      throw new ApiError(
        400,
        `${what} would take ${mebibytes(bytes)} of memory, more than the ${mebibytes(this.limit)} that this server has for requests; ${fix}`,
        { code },
      )
    }
    if (this.#waiting.length > 0 || this.#used + bytes > this.limit) await this.#wait(bytes, signal)
    else this.#promise(bytes)
    let given = true
    return () => {
      if (!given) return
      given = false
      this.#used -= bytes
      this.#startNext()
    }
  }

  #wait(bytes: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        bytes,
        start: () => {
          signal?.removeEventListener("abort", leave)
          resolve()
        },
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(signal?.reason)
        // Those behind it may be smaller.
        this.#startNext()
      }
      signal?.addEventListener("abort", leave, { once: true })
      this.#waiting.push(waiting)
    })
  }

  #startNext(): void {
    while (this.#waiting.length > 0 && this.#used + this.#waiting[0].bytes <= this.limit) {
      const next = this.#waiting.shift()!
      this.#promise(next.bytes)
      next.start()
    }
  }

  #promise(bytes: number): void {
    this.#used += bytes
    this.#most = Math.max(this.#most, this.#used)
  }
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`
