/** Memory of before is given back at the start, memory that grows at most once in ten steps; memory that does not is kept. */

import { expect, it } from "vitest"
import { FreedMemory } from "./freed-memory.js"

/** Steps after which memory was given back, of a process that holds so much behind each step. */
function returnsOf(held: (step: number, last: number) => number, isScarce = false): number[] {
  const returns: number[] = []
  let step = 0
  const freed = new FreedMemory({
    held: () => held(step, returns.at(-1) ?? 0),
    isScarce: () => isScarce,
    giveBack: () => returns.push(step),
  })
  for (step = 1; step <= 40; step++) freed.afterBackward()
  return returns
}

it("keeps what steps need", () => {
  expect(returnsOf(() => 8)).toEqual([0])
  // Of other lengths from step to step, but no more than before.
  expect(returnsOf((step) => 6 + (step % 5))).toEqual([0])
})

it("gives back what grew by half since it was last given back", () => {
  expect(returnsOf((step, last) => 8 + 0.4 * (step - last))).toEqual([0, 26])
  expect(returnsOf((step, last) => 8 * 1.1 ** (step - last))).toEqual([0, 15, 30])
})

it("gives back every eleventh step at most, however little the machine has", () => {
  expect(returnsOf(() => 8, true)).toEqual([0, 11, 22, 33])
})
