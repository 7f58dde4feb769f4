/** Work in pieces: the same result, turns of the event loop on the way, and an end when nobody wants it any more. */

import { expect, it } from "vitest"
import { finish, inTurns, type Work } from "./in-turns.js"

/** Pieces that hold the event loop longer than it may be held. */
function* slow(pieces: number, seen: string[]): Work<number> {
  try {
    for (let i = 0; i < pieces; i++) {
      const until = performance.now() + 6
      while (performance.now() < until);
      seen.push(`piece ${i}`)
      yield
    }
    return pieces
  } finally {
    seen.push("ended")
  }
}

it("gives what the work gives, every piece inside of what is asked for, and turns the event loop", async () => {
  let [turns, entered] = [0, 0]
  const timer = setInterval(() => turns++, 0)
  const within = <R>(piece: () => R): R => {
    entered++
    return piece()
  }
  expect(await inTurns(slow(5, []), { within })).toBe(finish(slow(5, [])))
  clearInterval(timer)
  expect(turns).toBeGreaterThan(1)
  expect(entered).toBeGreaterThanOrEqual(6)
})

it("ends the work when it is aborted, and says why", async () => {
  const seen: string[] = []
  const abort = new AbortController()
  setImmediate(() => abort.abort(new Error("enough")))
  await expect(inTurns(slow(50, seen), { signal: abort.signal })).rejects.toThrow("enough")
  expect(seen.at(-1)).toBe("ended")
  expect(seen.length).toBeLessThan(10)
})
