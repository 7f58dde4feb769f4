/** Numbers against what CPython 3.11 says. */

import fc from "fast-check"
import { expect, it } from "vitest"
import { anyText } from "../../../test/support/any-text.js"
import { pythonFloat, pythonRound } from "./python-number.js"

it.each([
  [89.57307212181264, 89.57, 89.57307, 90],
  [-0.2686221661748289, -0.27, -0.26862, -0],
  [-1636.5569725848106, -1636.56, -1636.55697, -1637],
  [0.00017108284528077357, 0, 0.00017, 0],
  [559659261168487.44, 559659261168487.44, 559659261168487.44, 559659261168487],
  [0.125, 0.12, 0.125, 0],
  [0.375, 0.38, 0.375, 0],
  [0.625, 0.62, 0.625, 1],
  [-0.125, -0.12, -0.125, -0],
  [-0.375, -0.38, -0.375, -0],
  [2.675, 2.67, 2.675, 3],
  [1.005, 1, 1.005, 1],
  [0.5, 0.5, 0.5, 0],
  [1.5, 1.5, 1.5, 2],
  [2.5, 2.5, 2.5, 2],
  [-0, -0, -0, -0],
  [1e22, 1e22, 1e22, 1e22],
  [123456789012345.69, 123456789012345.69, 123456789012345.69, 123456789012346],
  [0.005, 0.01, 0.005, 0],
  [0.015, 0.01, 0.015, 0],
  [5e-324, 0, 0, 0],
  [Number.MAX_VALUE, Number.MAX_VALUE, Number.MAX_VALUE, Number.MAX_VALUE],
  [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
])("round(%d) to 2, 5 and 0 digits", (value, two, five, none) => {
  expect([2, 5, 0].map((digits) => pythonRound(value, digits))).toEqual([two, five, none])
})

it("of halves, the even one", () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e6, max: 1e6 }), (n) => {
      const rounded = pythonRound(n + 0.5, 0)
      expect(Math.abs(rounded % 2)).toBe(0)
      expect(Math.abs(rounded - n - 0.5)).toBe(0.5)
    }),
  )
})

it.each([
  ["1", 1],
  [" 1 ", 1],
  ["1.", 1],
  ["  .5", 0.5],
  ["+.5e1", 5],
  ["-1_000", -1000],
  ["1e5_0", 1e50],
  ["inf", Number.POSITIVE_INFINITY],
  ["-INFINITY", Number.NEGATIVE_INFINITY],
  ["+NaN", Number.NaN],
  ["１２", 12],
  ["٣.٥", 3.5],
  ["𝟛𝟜", 34],
  ["१_२", 12],
  ["1\u00a0", 1],
  ["1\u2003", 1],
  ["1\u0085", 1],
  ["\x1c1\u00a0", 1],
  ["\t1\v\f\r", 1],
  ["1e400", Number.POSITIVE_INFINITY],
  ["1e-400", 0],
  ["0000001", 1],
])("float(%j) is %d", (text, value) => {
  expect(pythonFloat(text)).toBe(value)
})

it.each([
  ...[
    "1__0",
    "_1",
    "1_",
    "1_e5",
    "1e_5",
    "1._5",
    "1_.5",
    "0x10",
    "",
    ".",
    " ",
    "infinit",
    "٣٫٥",
    "\x1c1",
    "1,000",
    "$5",
  ],
  ...["5%", "0b1", "1 2", "½", "²", "1e", "e5", "--1", "+", "1\0"],
])("float(%j) is refused", (text) => {
  expect(pythonFloat(text)).toBeUndefined()
})

it("never throws, and reads what JavaScript writes", () => {
  fc.assert(fc.property(anyText, (text) => void pythonFloat(text)))
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (value) => {
      expect(pythonFloat(String(value))).toBe(Number(String(value)))
    }),
  )
})
