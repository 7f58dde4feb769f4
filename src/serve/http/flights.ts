/** Requests that are being answered: each can be ended from outside, and one can wait until there are none. */

import { ApiError } from "../api-error.js"

/** Why the work on a request ended before its answer did. */
export class Gone extends Error {}

export class Flight {
  readonly #controller = new AbortController()
  readonly #late: NodeJS.Timeout

  constructor(timeMs: number) {
    const sentence = `the answer took longer than the ${Math.round(timeMs / 1000)} seconds that this server gives it`
    this.#late = setTimeout(() => this.end(new ApiError(504, sentence, { code: "timeout" })), timeMs)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** @param reason an ApiError is told, anything else is not: nobody listens */
  end(reason: Error): void {
    this.#controller.abort(reason)
  }

  /** @internal */
  close(): void {
    clearTimeout(this.#late)
  }
}

export class Flights {
  readonly #flights = new Set<Flight>()
  #idle: (() => void)[] = []

  get count(): number {
    return this.#flights.size
  }

  begin(timeMs: number): Flight {
    const flight = new Flight(timeMs)
    this.#flights.add(flight)
    return flight
  }

  done(flight: Flight): void {
    flight.close()
    this.#flights.delete(flight)
    if (this.#flights.size > 0) return
    for (const wake of this.#idle) wake()
    this.#idle = []
  }

  endAll(reason: Error): void {
    for (const flight of this.#flights) flight.end(reason)
  }

  idle(): Promise<void> {
    return this.#flights.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }
}
