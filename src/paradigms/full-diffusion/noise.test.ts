import { describe, expect, it } from "vitest"
import { maskedPositions, maskProbability } from "./noise.js"

describe("noise of full diffusion", () => {
  it("masks with a probability between the limits, as the reference rounds it", () => {
    expect(maskProbability(0)).toBe(Math.fround(0.001))
    // The golden case of LLaDA's text: t and p as PyTorch computed them.
    expect(maskProbability(0.5116165280342102)).toBe(0.5121049284934998)
    expect(maskProbability(0.5, { epsMin: 0.2, epsMax: 0.6 })).toBeCloseTo(0.4, 6)
  })

  it("masks labelled positions whose number is below p, not at it", () => {
    const labels = Int32Array.of(5, -100, 5, 5, 0)
    expect([...maskedPositions(labels, 0.5, [0.1, 0.1, 0.5, 0.49, 0.2])]).toEqual([0, 3, 4])
  })
})
