import { describe, expect, it } from "vitest"
import {
  goldenFeatures,
  goldenJson,
  goldenModel,
  goldenModelFolder,
  goldenPresent,
  goldenTensors,
} from "../../../test/support/golden.js"
import { MASK, tinyModel, VOCABULARY } from "../../../test/support/tiny-model.js"
import { conversationOf } from "../../data/llava.js"
import { randomFrom } from "../../data/prng.js"
import type { Model } from "../../models/registry.js"
import type { AttentionPattern } from "../../nn/attention-pattern.js"
import { encodeTraining, IMAGE } from "../../text/conversation.js"
import { layOut } from "../../text/layout.js"
import { Tokenizer } from "../../text/tokenizer.js"
import { arange, backward, cat, Generator, randn, type Tensor } from "../../torch/index.js"
import type { TrainingSample } from "../batch.js"
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
      const gradients = gradientsOf(model, ours.loss)
      const imageGradient = features[0].grad
      features[0].grad = null
      const full = fullLoss(model, samples, options, randomFrom(options.seed), features)
      const expected = gradientsOf(model, full)
      expect(full.item()).toBeGreaterThan(0)
      expect(ours.loss.item()).toBeCloseTo(full.item(), 11)
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
      blockDiffusionObjective(model, { samples: own, images: [] }, options, () => 0, features).loss.item()
    expect(loss(samples)).toBeCloseTo((loss([samples[0]]) + loss([samples[1]])) / 2, 12)
  })

  it("a batch with nothing masked has loss 0 and gradients 0", () => {
    const { loss, metrics } = blockDiffusionObjective(
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

interface GoldenCase {
  key: string
  samples: number[]
  D: number
  L: number
  n_masked: number
  loss: number
  grad_l2: Record<string, number>
  grad_first16: Record<string, number[]>
  embed_row_grads: Record<string, { l2: number; first16: number[] }>
}

describe.skipIf(!goldenPresent)("golden training", () => {
  const { samples, cases } = goldenPresent ? goldenJson("train", "cases.json") : { samples: [], cases: [] }
  const golden = (cases as GoldenCase[]).filter(({ key }) => key.startsWith("vl."))
  const model = goldenPresent ? goldenModel("tiny-dvl-qwenvl", { trainable: true }) : (undefined as never)
  // The trained folder has a cut tokenizer.
  const tokenizer = goldenPresent ? Tokenizer.load(goldenModelFolder("tiny-qwen2_5_vl")) : (undefined as never)

  it.each(golden)("$key", async (one) => {
    const { key } = one
    const tensors = goldenTensors("train", "tensors.safetensors")
    const numbers = (name: string): number[] => tensors(`${key}.${name}`).toNumbers()
    const features: Tensor[] = []
    const batch: TrainingSample[] = []
    for (const index of one.samples) {
      const { image = [], conversations } = samples[index]
      const own = await goldenFeatures(model, [image].flat(), { pad: true, gradients: true })
      const encoded = encodeTraining(conversationOf(conversations, own.length > 0), tokenizer, "qwen_2_5", {
        special: true,
      })
      const rows = own.map((feature) => feature.shape[0])
      batch.push({
        ...layOut(encoded, rows, { maxLength: 8192, blocks: { size: one.D, eos: 151645 } }),
        imageIndices: own.map((_, i) => features.length + i),
        where: key,
      })
      features.push(...own)
    }
    const spliced = numbers("spliced_labels")
    batch.forEach(({ labels }, b) => {
      expect([...labels]).toEqual(spliced.slice(b * one.L, b * one.L + labels.length))
    })
    const uniforms = [...numbers("u"), ...numbers("r")].values()
    const options = { blockSize: one.D, maskToken: 151671 }
    const { loss, tokenCrossEntropy, metrics } = blockDiffusionObjective(
      model,
      { samples: batch, images: [] },
      options,
      () => uniforms.next().value as number,
      features,
    )
    expect(uniforms.next().done).toBe(true)
    expect(metrics.maskedTokens).toBe(one.n_masked)
    expect(Math.abs(loss.item() - one.loss) / one.loss).toBeLessThan(1e-5)
    expect(
      tokenCrossEntropy
        .sub(tensors(`${key}.token_ce`))
        .abs()
        .max()
        .item(),
    ).toBeLessThan(2e-4)

    const gradients = gradientsOf(model, loss)
    const first16 = (gradient: Tensor): number[] => gradient.view(-1).narrow(0, 0, 16).toNumbers()
    const near = (ours: number[], expected: number[], name: string): void => {
      const scale = Math.max(...expected.map(Math.abs))
      ours.forEach((value, i) => {
        expect(Math.abs(value - expected[i]), name).toBeLessThanOrEqual(1e-3 * scale)
      })
    }
    const gradientOf = (name: string): Tensor => gradients.get(name) ?? model.parameters().get(name)!.mul(0)
    const norm = (x: Tensor): number => Math.sqrt(x.mul(x).sum().item())
    for (const [name, l2] of Object.entries(one.grad_l2)) {
      expect(Math.abs(norm(gradientOf(name)) - l2), name).toBeLessThanOrEqual(5e-4 * l2)
    }
    for (const [name, expected] of Object.entries(one.grad_first16)) near(first16(gradientOf(name)), expected, name)
    for (const [row, { l2, first16: expected }] of Object.entries(one.embed_row_grads)) {
      const gradient = gradientOf("model.embed_tokens.weight").select(0, Number(row))
      expect(Math.abs(norm(gradient) - l2), row).toBeLessThanOrEqual(5e-4 * l2)
      near(first16(gradient), expected, row)
    }
  })
})
