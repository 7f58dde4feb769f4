import fc from "fast-check"
import { expect, it } from "vitest"
import { tinyModel } from "../../test/support/tiny-model.js"
import { mropePositions } from "../models/decoder/mrope-positions.js"
import { embedPrompt, positionsOf, rowsFrom } from "../paradigms/prompt.js"
import { arange, noGrad, tidy } from "../torch/index.js"
import { cutPrompt } from "./cut-prompt.js"

const model = tinyModel(1)
const slots = [8, -200, 9, 10, -200, 11]
const promptOf = () => ({
  ids: Int32Array.of(8, -200, -200, -200, -200, 9, 10, -200, 11),
  features: [arange(0, 64).reshape(4, 16).to("float64"), arange(64, 80).reshape(1, 16).to("float64")],
  featureNames: ["four", "one"],
  positions: mropePositions(
    slots,
    [
      [1, 4, 4],
      [1, 2, 2],
    ],
    2,
  ),
  cacheSalt: "mine",
})

it("is the first rows, with the pictures that they show, whole or in part", () => {
  const whole = tidy(() => noGrad(() => embedPrompt(model, promptOf())).toArray())
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), (rows) => {
      const prompt = promptOf()
      const cut = cutPrompt(prompt, rows)
      const kept = Math.min(rows, prompt.ids.length)
      expect([...cut.ids]).toEqual([...prompt.ids.slice(0, rows)])
      const embedded = tidy(() => noGrad(() => embedPrompt(model, cut)).toArray())
      expect([...embedded]).toEqual([...whole.slice(0, kept * 16)])
      expect(cut.featureNames?.length).toBe(cut.features?.length)
      expect(cut.cacheSalt).toBe("mine")
      // What follows stands behind the largest position.
      const before = positionsOf(cut, rowsFrom(0, kept)).flatMap((axis) => [...axis])
      for (const [next] of positionsOf(cut, rowsFrom(kept, kept + 1))) expect(next).toBe(Math.max(...before) + 1)
    }),
  )
})
