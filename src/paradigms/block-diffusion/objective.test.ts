import { describe, expect, it } from "vitest"
import { MASK, tinyModel, VOCABULARY } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import type { Model } from "../../models/registry.js"
import type { AttentionPattern } from "../../nn/attention-pattern.js"
import { IMAGE } from "../../text/conversation.js"
import { arange, backward, cat, Generator, randn, type Tensor } from "../../torch/index.js"
import { meanLoss, type TrainingSample } from "../batch.js"
import { lossScale, maskedPositions, noiseLevels } from "./noise.js"
import { type BlockDiffusionOptions, blockDiffusionObjective } from "./objective.js"

/** Text, an image of 5 rows, text; a third of the rows is labelled. */
function sample(length: number, seed: number, image = true): TrainingSample {
  const random = randomFrom(seed)
  const ids = Int32Array.from({ length }, () => 7 + Math.floor(random() * (VOCABULARY - 7)))
  const labels = ids.map((id) => (random() < 0.4 ? id : -100))
  if (!image) return { ids, labels, images: [], imageIndices: [], where: "test" }
  ids.fill(IMAGE, 3, 8)
  labels.fill(-100, 3, 8)
  return { ids, labels, images: [{ start: 3, count: 5 }], imageIndices: [0], where: "test" }
}

/**
 * The paper's formulation on all 2L rows, noised half first, each row with a mask of its own; one noised copy of one
 * sample at a time. Shifted, a clean row's term is not drawn: it has its expected weight.
 */
function fullLoss(
  model: Model,
  samples: readonly TrainingSample[],
  options: BlockDiffusionOptions,
  uniform: () => number,
  features: readonly Tensor[],
): Tensor {
  const { blockSize, shift = "same", weight = "1/t", copies = 1 } = options
  const length = Math.max(...samples.map(({ ids }) => ids.length))
  const blocks = Math.ceil(length / blockSize)
  const levels = noiseLevels(Array.from({ length: copies * samples.length * blocks }, uniform), options)
  const oneCopy = ({ ids, labels: all, images, imageIndices }: TrainingSample, own: Float32Array): Tensor[] => {
    const n = ids.length
    const labels = Int32Array.from(all, (label, i) => (shift === "next" && i === 0 ? -100 : label))
    const r = Array.from({ length }, uniform)
    const masked = [...maskedPositions(labels, own, r, blockSize)]
    const rows = Array.from(ids, (id, i) => {
      const image = images.findIndex(({ start, count }) => i >= start && i < start + count)
      return image < 0
        ? model.embed(Int32Array.of(id))
        : features[imageIndices[image]].narrow(0, i - images[image].start, 1)
    })
    const mask = model.embed(Int32Array.of(MASK))
    const embeddings = cat([...rows.map((row, i) => (masked.includes(i) ? mask : row)), ...rows]).unsqueeze(0)
    const clean = (row: number): boolean => row >= n
    const block = (row: number): number => Math.floor((row % n) / blockSize)
    const sees = (q: number, k: number): boolean =>
      (clean(q) === clean(k) && block(q) === block(k)) ||
      (!clean(q) && clean(k) && block(k) < block(q)) ||
      (clean(q) && clean(k) && block(k) <= block(q))
    const all2 = Array.from({ length: 2 * n }, (_, i) => i)
    const pattern: AttentionPattern = {
      rows: 2 * n,
      keys: 2 * n,
      spans: all2.map((q) => ({
        rows: [q, q + 1] as const,
        keys: all2.filter((k) => sees(q, k)).map((k) => [k, k + 1] as const),
      })),
    }
    const positions = cat([arange(0, n), arange(0, n)]).unsqueeze(0)
    const logProbabilities = model
      .logits(model.forward({ embeddings, positions, patterns: [pattern] }).squeeze(0))
      .logSoftmax(1)
    const labelled = labels.filter((label) => label >= 0).length
    const byClean = (i: number): boolean => shift === "next" && i % blockSize === 0
    return [...labels.keys()]
      .filter((i) => labels[i] >= 0 && (byClean(i) || masked.includes(i)))
      .map((i) => {
        const row = shift === "same" ? i : byClean(i) ? n + i - 1 : i - 1
        const level = own[Math.floor(i / blockSize)]
        // 1/t is rounded to float32, as the reference does.
        const scale = (weight === "one" ? 1 : lossScale(level)) * (byClean(i) ? level : 1)
        return logProbabilities
          .select(0, row)
          .select(0, labels[i])
          .mul(-scale / (labelled * samples.length * copies))
      })
  }
  const terms = samples.flatMap((sample, b) =>
    Array.from({ length: copies }, (_, copy) => {
      const first = (copy * samples.length + b) * blocks
      return oneCopy(sample, levels.subarray(first, first + blocks))
    }),
  )
  return cat(terms.flat().map((term) => term.view(1))).sum()
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
  ]
  it.each(cases)(
    "equals the noised and the clean copy of everything: D $blockSize, $lengths, $shift, $weight, $copies copies",
    (options) => {
      const samples = options.lengths.map((length, i) => sample(length, options.seed * 10 + i, i !== 1))
      const ours = blockDiffusionObjective(model, { samples, images: [] }, options, randomFrom(options.seed), features)
      const gradients = gradientsOf(model, meanLoss(ours))
      const imageGradient = features[0].grad
      features[0].grad = null
      const full = fullLoss(model, samples, options, randomFrom(options.seed), features)
      const expected = gradientsOf(model, full)
      expect(full.item()).toBeGreaterThan(0)
      expect(meanLoss(ours).item()).toBeCloseTo(full.item(), 11)
      const { copies = 1 } = options
      expect(ours.metrics.rows).toBeLessThan((1 + copies) * options.lengths.reduce((a, b) => a + b))
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
    const one = { ids: new Int32Array(16).fill(9), labels, images: [], imageIndices: [], where: "test" }
    const rows = (shift: "same" | "next"): number =>
      blockDiffusionObjective(model, { samples: [one], images: [] }, { blockSize: 8, maskToken: MASK, shift }, () => 0)
        .metrics.rows
    expect(rows("next")).toBe(8)
    expect(rows("same")).toBe(16)
  })
})
