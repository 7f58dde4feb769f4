/** Bodies of requests while they are read and answered: each within its size and its time, all of them within a number and a size. */

import { setImmediate as turn } from "node:timers/promises"
import { ApiError } from "../api-error.js"

export interface BodiesOptions {
  /** Bytes of one. */
  bytes: number
  /** Time of one, in milliseconds. */
  milliseconds: number
}

/** Bodies under way: a slow sender holds little more than a connection. */
const MOST = 1024
/** Of all bodies under way, in whole bodies of the largest size. */
const MOST_WHOLE = 16

export class Bodies {
  readonly #options: BodiesOptions
  #count = 0
  #held = 0
  /** The last of those that wait for their turn. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: BodiesOptions) {
    this.#options = options
  }

  /** Bodies that are being read. */
  get count(): number {
    return this.#count
  }
  /** Bytes of these, and of those that are held. */
  get bytes(): number {
    return this.#held
  }

  /**
   * Counts a body for as long as its request is answered: pictures wait with it for a place.
   * @returns lets go of it
   */
  hold(bytes: number): () => void {
    this.#held += bytes
    return () => {
      this.#held -= bytes
    }
  }

  /**
   * Bodies that come at the same time are given out one in each turn of the event loop: what is done with them all would hold it.
   * @param signal ends it
   * @throws ApiError for one that is too large, too slow, cut off, or one too many; the reason of `signal` when it is aborted
   */
  async read(request: Request, signal: AbortSignal): Promise<Uint8Array> {
    const { bytes: most, milliseconds } = this.#options
    if (Number(request.headers.get("content-length") ?? 0) > most) throw tooLarge(most)
    if (this.#count >= MOST) throw tooMany()
    this.#count++
    const stopping = new AbortController()
    const stop = (): void => stopping.abort(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener("abort", stop, { once: true })
    const late = setTimeout(() => stopping.abort(tooSlow(milliseconds)), milliseconds)
    const chunks: Uint8Array[] = []
    let size = 0
    try {
      const reader = request.body?.getReader()
      while (reader) {
        const step = await orAbort(reader.read().catch(endedEarly), stopping.signal)
        if (step.done) break
        size += step.value.length
        this.#held += step.value.length
        if (size > most) {
          await reader.cancel()
          throw tooLarge(most)
        }
        if (this.#held > MOST_WHOLE * most) throw tooMany()
        chunks.push(step.value)
      }
    } finally {
      clearTimeout(late)
      signal.removeEventListener("abort", stop)
      this.#count--
      this.#held -= size
    }
    this.#last = this.#last.then(() => turn())
    await this.#last
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
  }
}

/** Reading a stream knows no signal: who sends nothing would be waited for. */
function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener("abort", stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop))
  })
}

function endedEarly(cause: unknown): never {
  throw new ApiError(400, "the body of the request ended early", { cause })
}

const tooLarge = (most: number): ApiError =>
  new ApiError(413, `the body of a request has ${most} bytes at most`, { code: "request_too_large" })

const tooSlow = (milliseconds: number): ApiError =>
  new ApiError(408, `the body of the request did not come within ${Math.round(milliseconds / 1000)} seconds`, {
    code: "timeout",
  })

const tooMany = (): ApiError =>
  new ApiError(429, "too many requests are being sent; try again in a moment", {
    code: "rate_limit_exceeded",
    retryAfter: 1,
  })
