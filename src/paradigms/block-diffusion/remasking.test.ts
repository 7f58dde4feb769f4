/** The transfer schedule and the choice of tokens. */

import { describe, expect, it } from "vitest"
import { type RemaskingStrategy, selectTokens, transferSchedule } from "./remasking.js"

describe("remasking", () => {
  it.each([
    [8, 3, [3, 3, 2, 2]],
    [8, 5, [2, 2, 2, 1, 1, 1]],
    [8, 4, [2, 2, 2, 2, 2]],
    [4, 6, [1, 1, 1, 1, 0, 0, 0]],
    [1, 1, [1, 1]],
  ])("spreads %i tokens over %i steps, and one step more", (size, steps, schedule) => {
    expect(transferSchedule(size, steps)).toEqual(schedule)
  })

  const confidences = [0.3, 0.9, 0.5, 0.9, 0.1]
  it.each([
    ["low_confidence_static", 2, [1, 3]],
    ["low_confidence_static", 1, [1]],
    ["low_confidence_static", 0, []],
    ["low_confidence_static", 9, [0, 1, 2, 3, 4]],
    ["low_confidence_dynamic", 1, [1, 3]],
    ["low_confidence_dynamic", 3, [1, 2, 3]],
    ["low_confidence_dynamic", 0, [1, 3]],
    ["sequential_dynamic", 1, [1, 3]],
    ["sequential_dynamic", 3, [0, 1, 3]],
    ["sequential_dynamic", 4, [0, 1, 2, 3]],
    ["sequential_dynamic", 9, [0, 1, 2, 3, 4]],
    ["sequential_dynamic", 0, [1, 3]],
  ] as const)("%s with a share of %i", (strategy, count, chosen) => {
    expect(selectTokens(confidences, count, strategy, 0.6)).toEqual(chosen)
  })

  it("sequentially, unsure tokens become final from left to right", () => {
    expect(selectTokens([0.3, 0.4, 0.5], 1, "sequential_dynamic", 0.6)).toEqual([0])
    expect(selectTokens([0.3, 0.4, 0.5], 1, "low_confidence_dynamic", 0.6)).toEqual([2])
    expect(selectTokens([Number.NaN, 0.9], 1, "sequential_dynamic", 0.95)).toEqual([0])
  })

  it("sequentially, the end waits for the tokens before it, however sure it is", () => {
    const from3 = (i: number): boolean => i >= 3
    const select = (confidences: number[], strategy: RemaskingStrategy = "sequential_dynamic"): number[] =>
      selectTokens(confidences, 1, strategy, 0.6, from3)
    expect(select([0.3, 0.4, 0.5, 0.9, 1])).toEqual([0])
    expect(select([0.3, 0.7, 0.5, 0.9, 1])).toEqual([1])
    expect(select([0.7, 0.7, 0.8, 0.9, 1])).toEqual([0, 1, 2, 3, 4])
    expect(select([0.7, 0.7, 0.8, 0.5, 1])).toEqual([0, 1, 2])
    expect(select([0.3, 0.4, 0.5, 0.9, 1], "low_confidence_dynamic")).toEqual([3, 4])
  })

  it("the threshold itself is not above the threshold", () => {
    expect(selectTokens([0.9, 0.5], 0, "low_confidence_dynamic", 0.9)).toEqual([])
  })
})
