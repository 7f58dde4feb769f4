/** The generator against CPython 3.11's `random`. */

import { expect, it } from "vitest"
import { pythonRandom } from "./python-random.js"

/** random.seed(0); [random.choice(range(2**31)) for _ in range(5000)]; "".join(random.choice("ABCDE") for _ in range(8)) */
const AFTER_5000 = "ADBBEEBD"
const SIZES = [2, 3, 5, 7, 10, 26, 100, 1000, 65536, 2 ** 31 - 1, 2 ** 31]

it.each([
  [0n, [1, 1, 0, 2, 8, 15, 51, 940, 39755, 2078334659, 2046968324]],
  [1n, [0, 2, 0, 2, 1, 15, 97, 460, 61898, 1399285261, 1630434966]],
  [-1n, [0, 2, 0, 2, 1, 15, 97, 460, 61898, 1399285261, 1630434966]],
  [2680n, [1, 1, 4, 4, 6, 15, 34, 937, 37963, 892887104, 1301017388]],
  [2n ** 32n, [0, 1, 3, 0, 0, 19, 97, 339, 59220, 30061140, 593069562]],
  [2n ** 64n + 5n, [0, 1, 0, 2, 9, 21, 82, 574, 5706, 828990607, 1719005080]],
  [123456789012345678901234567890n, [0, 0, 0, 4, 4, 23, 71, 720, 14785, 526185269, 1573393813]],
] as const)("seed %s", (seed, expected) => {
  const random = pythonRandom(seed)
  expect(SIZES.map((size) => random.below(size))).toEqual(expected)
})

it("goes on after its state is used up", () => {
  const random = pythonRandom(0)
  for (let i = 0; i < 5000; i++) random.below(2 ** 31)
  expect(Array.from({ length: 8 }, () => random.choice([..."ABCDE"])).join("")).toBe(AFTER_5000)
})

it.each([0, -1, 1.5, 2 ** 31 + 1, Number.NaN])("refuses to draw below %d", (n) => {
  expect(() => pythonRandom(0).below(n)).toThrow(RangeError)
})
