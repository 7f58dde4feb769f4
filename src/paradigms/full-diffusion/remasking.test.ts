import { describe, expect, it } from "vitest"
import { adaptiveShare, evenShares, ranking } from "./remasking.js"

describe("full diffusion, how many become final", () => {
  it.each([
    [8, 4, [2, 2, 2, 2]],
    [8, 5, [2, 2, 2, 1, 1]],
    [8, 1, [8]],
    [3, 5, [1, 1, 1, 0, 0]],
    [0, 2, [0, 0]],
  ])("%i masks over %i steps", (masks, steps, shares) => {
    expect(evenShares(masks, steps)).toEqual(shares)
  })

  // With f = 1 the second must reach 1 − 1/3, the third 1 − 1/4, the fourth 1 − 1/5.
  it.each([
    [[0.1], 1],
    [[0.1, 0.05], 1],
    [[0.7, 0.6], 1],
    [[0.7, 0.67], 2],
    [[0.9, 0.8, 0.75, 0.75], 3],
    [[0.9, 0.85, 0.8, 0.8], 4],
    [[0.9, 0.6, 0.99], 1],
    [[], 0],
  ])("adapts: %j", (confidences, count) => {
    expect(adaptiveShare(confidences, 1)).toBe(count)
  })

  it("adapts to the factor", () => {
    expect(adaptiveShare([0.9, 0.8, 0.7], 0)).toBe(1)
    expect(adaptiveShare([0.9, 0.8, 0.7], 3)).toBe(3)
    expect(adaptiveShare([1, 1, 1], 0)).toBe(3)
  })

  it("ranks, the first of equal ones first", () => {
    expect(ranking([0.2, 0.9, 0.2, 0.5, 0.9])).toEqual([1, 4, 3, 0, 2])
  })
})
