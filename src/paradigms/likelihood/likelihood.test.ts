/** Likelihoods of given answers against the objectives and against forwards over whole sequences. */

import { describe, expect, it } from "vitest"
import { likelihoodsOf, valuesOf } from "../../../test/support/likelihoods.js"
import { EOS, MASK, tinyModel, VOCABULARY } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import { mropePositions } from "../../models/decoder/mrope-positions.js"
import { fromDense } from "../../nn/attention-pattern.js"
import { arange, Generator, noGrad, randn } from "../../torch/index.js"
import { autoregressiveLikelihoods } from "../autoregressive/likelihood.js"
import { autoregressiveObjective } from "../autoregressive/objective.js"
import { meanLoss } from "../batch.js"
import { blockLikelihoods } from "../block-diffusion/likelihood.js"
import { fullDiffusionLikelihoods } from "../full-diffusion/likelihood.js"
import type { Prompt } from "../prompt.js"

const model = tinyModel(9)
const features = [randn([4, 16], { generator: new Generator(1), dtype: "float64" })]
const positions = mropePositions([8, -200, 9, 10, 11], [[1, 4, 4]], 2)
const withPicture: Prompt = { ids: Int32Array.of(8, -200, -200, -200, -200, 9, 10, 11), features }
const answers = [[12, EOS], [13, 14, 15, 16, 17, 18, EOS], [12, 19, EOS], [20]].map((ids) => Int32Array.from(ids))

describe("likelihoods of given answers", () => {
  it.each([undefined, positions])("autoregressive: the objective on one answer at a time", async (axes) => {
    const plan = autoregressiveLikelihoods(withPicture.ids.length, answers)
    const together = await valuesOf(model, { ...withPicture, positions: axes }, plan)
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
  ] as const)(
    "block diffusion, D %i, shift %s, context %s: one token at a time",
    async (blockSize, shift, context?) => {
      const blockOf = (row: number): number => Math.floor(row / blockSize)
      const text: Prompt = { ids: Int32Array.of(8, 9, 10, 11, 12, 13) }
      const plan = blockLikelihoods(text.ids.length, answers, { blockSize, maskToken: MASK, shift, context })
      const together = await valuesOf(model, text, plan)
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
    },
  )

  it("block size 1 with the next-token shift is the autoregressive likelihood, and so is its bound", async () => {
    const options = { blockSize: 1, maskToken: MASK, shift: "next" } as const
    const length = withPicture.ids.length
    const autoregressive = await valuesOf(model, withPicture, autoregressiveLikelihoods(length, answers))
    for (const bound of [undefined, { samples: 3, seed: 1 }]) {
      const block = await likelihoodsOf(model, withPicture, blockLikelihoods(length, answers, { ...options, bound }))
      expect(block.length).toBe(answers.length)
      block.forEach(({ logLikelihood, standardError }, i) => {
        expect(logLikelihood).toBeCloseTo(autoregressive[i], 5)
        expect(standardError).toBe(bound && 0)
      })
    }
  })

  it("all answers of one token together have probability 1", async () => {
    const all = Array.from({ length: VOCABULARY }, (_, id) => Int32Array.of(id))
    const length = withPicture.ids.length
    for (const plan of [
      autoregressiveLikelihoods(length, all),
      blockLikelihoods(length, all, { blockSize: 4, maskToken: MASK }),
    ]) {
      const values = await valuesOf(model, withPicture, plan)
      expect(values.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 5)
    }
  })

  it("an empty answer is certain", async () => {
    const none = [new Int32Array()]
    const bound = { samples: 4, seed: 0 }
    const length = withPicture.ids.length
    expect(await valuesOf(model, withPicture, autoregressiveLikelihoods(length, none))).toEqual([0])
    for (const options of [{}, { bound }]) {
      const block = blockLikelihoods(length, none, { blockSize: 4, maskToken: MASK, ...options })
      const full = fullDiffusionLikelihoods(length, none, { maskToken: MASK, ...options })
      for (const plan of [block, full]) expect(await valuesOf(model, withPicture, plan)).toEqual([0])
    }
  })

  it.each([1, 8])("long ones are computed in several forwards, with the same numbers (D %i)", async (blockSize) => {
    const random = randomFrom(3)
    const long = Int32Array.from({ length: 300 }, () => 7 + Math.floor(random() * 40))
    const bound = blockSize > 1 ? { samples: 16, seed: 5 } : undefined
    const plans = [[long.slice(0, 200), long], [long.slice(0, 200)], [long]].map((of) =>
      blockLikelihoods(8, of, { blockSize, maskToken: MASK, shift: "next", bound }),
    )
    if (bound) for (const { forwards } of plans) expect(forwards.length).toBeGreaterThan(1)
    const [together, first, second] = await Promise.all(plans.map((plan) => valuesOf(model, withPicture, plan)))
    expect(together[0]).toBeCloseTo(first[0], 3)
    expect(together[1]).toBeCloseTo(second[0], 3)
  })
})
