/** Likelihoods of given answers against the objectives and against forwards over whole sequences. */

import { describe, expect, it } from "vitest"
import { EOS, MASK, tinyModel, VOCABULARY } from "../../test/support/tiny-model.js"
import { mropePositions } from "../models/decoder/mrope-positions.js"
import { fromDense } from "../nn/attention-pattern.js"
import { arange, Generator, noGrad, randn } from "../torch/index.js"
import { autoregressiveLikelihoods } from "./autoregressive/likelihood.js"
import { autoregressiveObjective } from "./autoregressive/objective.js"
import { meanLoss } from "./batch.js"
import { blockLikelihoods } from "./block-diffusion/likelihood.js"
import type { Prompt } from "./prompt.js"

const model = tinyModel(9)
const features = [randn([4, 16], { generator: new Generator(1), dtype: "float64" })]
const positions = mropePositions([8, -200, 9, 10, 11], [[1, 4, 4]], 2)
const withPicture: Prompt = { ids: Int32Array.of(8, -200, -200, -200, -200, 9, 10, 11), features }
const answers = [[12, EOS], [13, 14, 15, 16, 17, 18, EOS], [12, 19, EOS], [20]].map((ids) => Int32Array.from(ids))

describe("likelihoods of given answers", () => {
  it.each([undefined, positions])("autoregressive: the objective on one answer at a time", (axes) => {
    const together = autoregressiveLikelihoods(model, { ...withPicture, positions: axes }, answers)
    answers.forEach((answer, i) => {
      const promptRows = withPicture.ids.length
      const count = (values: Int32Array): Int32Array =>
        Int32Array.from({ length: promptRows + answer.length }, (_, row) =>
          row < promptRows ? values[row] : row + (axes as typeof positions).delta,
        )
      const sample = {
        ids: Int32Array.of(...withPicture.ids, ...answer),
        labels: Int32Array.of(...new Int32Array(promptRows).fill(-100), ...answer),
        images: [{ image: 0, from: 0, start: 1, count: 4 }],
        positions: axes && (axes.axes.map(count) as [Int32Array, Int32Array, Int32Array]),
        where: "test",
      }
      const loss = noGrad(() =>
        meanLoss(autoregressiveObjective(model, { samples: [sample], images: [] }, {}, features)),
      )
      expect(together[i]).toBeCloseTo(-loss.item() * answer.length, 5)
    })
  })

  it.each([
    [1, "same"],
    [4, "same"],
    [8, "same"],
    [3, "next"],
    [4, "next"],
    [32, "next"],
    [4, "same", "causal"],
    [3, "next", "causal"],
  ] as const)("block diffusion, D %i, shift %s, context %s: one token at a time", (blockSize, shift, context?) => {
    const blockOf = (row: number): number => Math.floor(row / blockSize)
    const text: Prompt = { ids: Int32Array.of(8, 9, 10, 11, 12, 13) }
    const together = blockLikelihoods(model, text, answers, { blockSize, maskToken: MASK, shift, context })
    answers.forEach((answer, a) => {
      let sum = 0
      noGrad(() => {
        answer.forEach((token, i) => {
          const position = text.ids.length + i
          const end = (Math.floor(position / blockSize) + 1) * blockSize
          const rows = Int32Array.of(
            ...text.ids,
            ...answer.subarray(0, i),
            ...new Int32Array(end - position).fill(MASK),
          )
          const hidden = model.forward({
            embeddings: model.embed(rows).unsqueeze(0),
            positions: arange(0, end).unsqueeze(0),
            patterns: [
              fromDense(end, (q, k) =>
                context === "causal" && q < end - blockSize ? k <= q : blockOf(k) <= blockOf(q),
              ),
            ],
          })
          const row = hidden.squeeze(0).narrow(0, shift === "same" ? position : position - 1, 1)
          sum += model.logits(row).logSoftmax(1).select(1, token).item()
        })
      })
      expect(together[a]).toBeCloseTo(sum, 5)
    })
  })

  it("block size 1 with the next-token shift is the autoregressive likelihood", () => {
    const block = blockLikelihoods(model, withPicture, answers, { blockSize: 1, maskToken: MASK, shift: "next" })
    const autoregressive = autoregressiveLikelihoods(model, withPicture, answers)
    expect(block.length).toBe(answers.length)
    block.forEach((value, i) => {
      expect(value).toBeCloseTo(autoregressive[i], 9)
    })
  })

  it("all answers of one token together have probability 1", () => {
    const all = Array.from({ length: VOCABULARY }, (_, id) => Int32Array.of(id))
    const total = (values: number[]): number => values.reduce((sum, value) => sum + Math.exp(value), 0)
    expect(total(autoregressiveLikelihoods(model, withPicture, all))).toBeCloseTo(1, 5)
    expect(total(blockLikelihoods(model, withPicture, all, { blockSize: 4, maskToken: MASK }))).toBeCloseTo(1, 5)
  })

  it("an empty answer is certain", () => {
    expect(autoregressiveLikelihoods(model, withPicture, [new Int32Array()])).toEqual([0])
    expect(blockLikelihoods(model, withPicture, [new Int32Array()], { blockSize: 4, maskToken: MASK })).toEqual([0])
  })
})
