import { expect, test } from "vitest"
import { differs, ratioText, spreadOf } from "./spread.js"

test("the median and the quartiles, as numpy interpolates them", () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, low: 1.75, high: 3.25 })
  expect(spreadOf([5, 1, 3, 2, 4])).toEqual({ median: 3, low: 2, high: 4 })
  expect(spreadOf([7])).toEqual({ median: 7, low: 7, high: 7 })
})

test("one wild round moves neither the ratio nor its spread much", () => {
  const { median, high } = spreadOf([1.4, 1.5, 1.5, 1.6, 1.5, 22.4])
  expect(median).toBe(1.5)
  expect(high).toBeLessThan(1.6)
})

test("a ratio differs from 1 when its middle half does not hold it, and scatters less than it differs", () => {
  expect(differs(spreadOf([1.4, 1.5, 1.6]))).toBe(true)
  expect(differs({ median: 5.3, low: 2, high: 7.7 })).toBe(false)
  expect(differs(spreadOf([0.5, 0.6, 0.7]))).toBe(true)
  expect(differs(spreadOf([0.8, 0.95, 1.3]))).toBe(false)
  expect(ratioText({ median: 1.5, low: 1.42, high: 1.571 })).toBe("1.50× (1.42–1.57)")
})
