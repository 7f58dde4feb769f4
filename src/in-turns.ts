/** Long work in pieces, so that signals, timers and sockets are served while JavaScript computes. */

import { setImmediate as turn } from "node:timers/promises"

/** Work that stops now and then, so that something else can be done between its pieces. */
export type Work<T> = Generator<undefined, T, undefined>

/** The event loop turns when it was held for this long, in milliseconds. */
const HOLD_MS = 5

/** Multiplications (or bytes moved) in one piece of work: a millisecond or two. */
export const PIECE = 1 << 19

/** Does all of the work at once. */
export function finish<T>(work: Work<T>): T {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}

export interface Turns {
  /** What every piece runs inside of. */
  within?<R>(piece: () => R): R
  /** Asked after every turn whether the result is still wanted: an AbortSignal, or several of them as one. */
  signal?: { throwIfAborted(): void }
}

/**
 * Does the work with turns of the event loop between its pieces. The result is the same.
 * @throws what `signal` throws, after the work was ended
 */
export async function inTurns<T>(work: Work<T>, { within = (piece) => piece(), signal }: Turns = {}): Promise<T> {
  let since = performance.now()
  try {
    for (;;) {
      const step = within(() => work.next())
      if (step.done) return step.value
      if (performance.now() - since < HOLD_MS) continue
      await turn()
      signal?.throwIfAborted()
      since = performance.now()
    }
  } finally {
    // Nothing happens where it has ended by itself.
    within(() => work.return(undefined as T))
  }
}

/** Calls `body` for ranges of rows that hold about one piece of work each. */
export function* overRows(rows: number, workPerRow: number, body: (from: number, to: number) => void): Work<undefined> {
  const step = Math.max(1, Math.floor(PIECE / Math.max(1, workPerRow)))
  for (let from = 0; from < rows; from += step) {
    body(from, Math.min(rows, from + step))
    yield
  }
  return undefined
}
