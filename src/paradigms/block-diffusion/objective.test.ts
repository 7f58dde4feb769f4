import { describe, expect, it } from "vitest"
import { MASK, tinyModel, VOCABULARY } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import type { Model } from "../../models/registry.js"
import { IMAGE } from "../../text/conversation.js"
import { backward, Generator, randn, type Tensor } from "../../torch/index.js"
import { autoregressiveObjective } from "../autoregressive/objective.js"
import { meanLoss, type TrainingSample } from "../batch.js"
import { type BlockDiffusionOptions, blockDiffusionObjective } from "./objective.js"
import { referenceBlockDiffusionObjective } from "./reference-objective.js"

/** Text, an image of 5 rows, text; a third of the rows is labelled. */
function sample(length: number, seed: number, image = true): TrainingSample {
  const random = randomFrom(seed)
  const ids = Int32Array.from({ length }, () => 7 + Math.floor(random() * (VOCABULARY - 7)))
  const labels = ids.map((id) => (random() < 0.4 ? id : -100))
  if (!image) return { ids, labels, images: [], where: "test" }
  ids.fill(IMAGE, 3, 8)
  labels.fill(-100, 3, 8)
  return { ids, labels, images: [{ image: 0, from: 0, start: 3, count: 5 }], where: "test" }
}

function gradientsOf(model: Model, loss: Tensor): Map<string, Tensor> {
  for (const parameter of model.parameters().values()) parameter.grad = null
  backward(loss)
  const entries = [...model.parameters()].flatMap(([name, parameter]) =>
    parameter.grad ? [[name, parameter.grad] as const] : [],
  )
  return new Map(entries)
}

describe("block-diffusion objective", () => {
  const model = tinyModel(11, { trainable: true })
  const features = [randn([5, 16], { generator: new Generator(4), dtype: "float64" }).requiresGrad_()]
  const cases: (BlockDiffusionOptions & { lengths: number[]; seed: number })[] = [
    { blockSize: 4, lengths: [24], seed: 1, maskToken: MASK },
    { blockSize: 8, lengths: [32], seed: 2, maskToken: MASK, weight: "one" },
    { blockSize: 4, lengths: [21], seed: 3, maskToken: MASK },
    { blockSize: 1, lengths: [12], seed: 4, maskToken: MASK },
    { blockSize: 8, lengths: [24, 16, 32], seed: 5, maskToken: MASK },
    { blockSize: 64, lengths: [24], seed: 6, maskToken: MASK },
    { blockSize: 4, lengths: [24], seed: 7, maskToken: MASK, shift: "next" },
    { blockSize: 8, lengths: [24, 30], seed: 8, maskToken: MASK, shift: "next" },
    { blockSize: 1, lengths: [12], seed: 9, maskToken: MASK, shift: "next" },
    { blockSize: 3, lengths: [17], seed: 10, maskToken: MASK, shift: "next" },
    { blockSize: 4, lengths: [24], seed: 11, maskToken: MASK, copies: 3 },
    { blockSize: 8, lengths: [24, 30], seed: 12, maskToken: MASK, copies: 2, shift: "next", weight: "one" },
    { blockSize: 4, lengths: [21, 9, 14], seed: 13, maskToken: MASK, copies: 4, schedule: "uniform", shift: "next" },
    { blockSize: 4, lengths: [40, 12, 9, 10], seed: 14, maskToken: MASK },
    { blockSize: 4, lengths: [24, 30, 27], seed: 17, maskToken: MASK, context: "causal" },
    { blockSize: 3, lengths: [23, 17], seed: 16, maskToken: MASK, context: "causal", shift: "next", copies: 2 },
  ]
  it.each(cases)(
    "equals the noised and the clean copy of everything: D $blockSize, $lengths, $shift, $weight, $copies copies, $context",
    (options) => {
      const samples = options.lengths.map((length, i) => sample(length, options.seed * 10 + i, i !== 1))
      const ours = blockDiffusionObjective(model, { samples, images: [] }, options, randomFrom(options.seed), features)
      const gradients = gradientsOf(model, meanLoss(ours))
      const imageGradient = features[0].grad
      features[0].grad = null
      const reference = referenceBlockDiffusionObjective(
        model,
        { samples, images: [] },
        options,
        randomFrom(options.seed),
        features,
      )
      const full = reference.sum.div(reference.count)
      const expected = gradientsOf(model, full)
      expect(full.item()).toBeGreaterThan(0)
      expect(meanLoss(ours).item()).toBeCloseTo(full.item(), 11)
      const entropies = [ours, reference].map(({ tokenCrossEntropy }) => tokenCrossEntropy.toNumbers())
      expect(entropies[0].length).toBe(ours.tokensPerSample.reduce((a, b) => a + b))
      entropies[0].forEach((value, i) => {
        expect(value).toBeCloseTo(entropies[1][i], 11)
      })
      expect(ours.tokensPerSample).toEqual(reference.tokensPerSample)
      const { copies = 1 } = options
      expect(ours.metrics.tokensComputed).toBeLessThan((1 + copies) * options.lengths.reduce((a, b) => a + b))
      expect([...gradients.keys()]).toEqual([...expected.keys()])
      expect(gradients.size).toBeGreaterThan(10)
      for (const [name, gradient] of gradients) {
        expect(
          gradient
            .sub(expected.get(name) as Tensor)
            .abs()
            .max()
            .item(),
          name,
        ).toBeLessThan(1e-11)
      }
      const [wholeGradient] = features.map(({ grad }) => grad!)
      expect(wholeGradient.abs().max().item()).toBeGreaterThan(0)
      expect(imageGradient!.sub(wholeGradient).abs().max().item()).toBeLessThan(1e-11)
      features[0].grad = null
    },
  )

  it("with a causal context what clean rows predict is what the autoregressive model predicts", () => {
    const [blockSize, length] = [4, 24]
    const whole = sample(length, 18)
    const labels = whole.ids.map((id, i) => (i % blockSize === 0 && i >= 8 ? id : -100))
    const samples = [{ ...whole, labels }]
    const options = { blockSize, maskToken: MASK, shift: "next" as const, context: "causal" as const }
    const clean = blockDiffusionObjective(model, { samples, images: [] }, options, randomFrom(1), features)
    const autoregressive = autoregressiveObjective(model, { samples, images: [] }, {}, features)
    expect(clean.tokenCrossEntropy.toNumbers().length).toBe(4)
    for (const [i, value] of clean.tokenCrossEntropy.toNumbers().entries())
      expect(value).toBeCloseTo(autoregressive.tokenCrossEntropy.toNumbers()[i], 10)
    const block = blockDiffusionObjective(
      model,
      { samples, images: [] },
      { ...options, context: "block" },
      randomFrom(1),
      features,
    )
    expect(block.tokenCrossEntropy.toNumbers()[0]).not.toBeCloseTo(clean.tokenCrossEntropy.toNumbers()[0], 6)
  })

  it("one sample counts the same alone as in a batch", () => {
    const samples = [sample(24, 1), sample(16, 2, false)]
    // r = 0 masks every labelled position; the levels follow from u, which differ between the two draws.
    const options = { blockSize: 8, maskToken: MASK, weight: "one" } as const
    const loss = (own: TrainingSample[]): number =>
      meanLoss(blockDiffusionObjective(model, { samples: own, images: [] }, options, () => 0, features)).item()
    expect(loss(samples)).toBeCloseTo((loss([samples[0]]) + loss([samples[1]])) / 2, 12)
  })

  it("a batch with nothing masked has loss 0 and gradients 0", () => {
    const { sum: loss, metrics } = blockDiffusionObjective(
      model,
      { samples: [sample(16, 1)], images: [] },
      { blockSize: 8, maskToken: MASK },
      () => 1,
      features,
    )
    expect(loss.item()).toBe(0)
    expect(metrics.maskedTokens).toBe(0)
    const [gradient] = gradientsOf(model, loss).values()
    expect(gradient.abs().max().item()).toBe(0)
  })

  it("a block of which the first token alone is learned needs no noised rows when shifted", () => {
    const labels = new Int32Array(16).fill(-100)
    labels[8] = 9
    const one = { ids: new Int32Array(16).fill(9), labels, images: [], where: "test" }
    const rows = (shift: "same" | "next"): number =>
      blockDiffusionObjective(model, { samples: [one], images: [] }, { blockSize: 8, maskToken: MASK, shift }, () => 0)
        .metrics.tokensComputed
    expect(rows("next")).toBe(8)
    expect(rows("same")).toBe(16)
  })
})
