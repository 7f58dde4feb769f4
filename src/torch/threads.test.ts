import { expect, it } from "vitest"
import { isSerial, threadsChosen } from "./threads.js"

it("only the size of a forward decides whether it is computed on one thread", () => {
  const emoji = 160 * (2 * (5 + 1) * 32 + 3 * 400)
  const shape135m = 576 * (2 * (9 + 3) * 64 + 3 * 1536)
  expect([1, 8, 24].map((rows) => isSerial(rows, emoji))).toEqual([true, true, true])
  expect([64, 256].map((rows) => isSerial(rows, emoji))).toEqual([false, false])
  // One row reads as many weights as eight.
  expect([1, 8, 512].map((rows) => isSerial(rows, shape135m))).toEqual([false, false, false])
})

it("the environment's number of threads is a choice, an empty one is not", () => {
  expect(threadsChosen({})).toBe(false)
  expect(threadsChosen({ OMP_NUM_THREADS: "" })).toBe(false)
  expect(threadsChosen({ OMP_NUM_THREADS: "2" })).toBe(true)
  expect(threadsChosen({ MKL_NUM_THREADS: "1" })).toBe(true)
})
