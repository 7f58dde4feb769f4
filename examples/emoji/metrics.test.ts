import { expect, it } from "vitest"
import { isExact, mentions, tokenF1 } from "./metrics.js"

it("judges answers", () => {
  expect(isExact(" Red Apple. ", "red apple")).toBe(true)
  expect(isExact("red apples", "red apple")).toBe(false)
  expect(tokenF1("a b c", "a b c")).toBe(1)
  expect(tokenF1("a a", "a b")).toBeCloseTo(0.5)
  expect(tokenF1("", "a")).toBe(0)
  expect(mentions("Shown here: hot dog. It", "hot dog")).toBe(true)
  expect(mentions("Shown here: hot doggy.", "hot dog")).toBe(false)
})
