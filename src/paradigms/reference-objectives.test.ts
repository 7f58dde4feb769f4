/** The objectives that compute what reaches the loss only, against those that compute everything: numbers and all gradients. */

import { describe, expect, it } from "vitest"
import { SMALL_FAMILIES } from "../../test/support/small-families.js"
import { MASK, tinyModel } from "../../test/support/tiny-model.js"
import { randomFrom } from "../data/prng.js"
import { normaliseConfig } from "../models/read-config.js"
import { newModel } from "../models/registry.js"
import type { LanguageModel } from "../models/types.js"
import { IMAGE } from "../text/conversation.js"
import { backward, Generator, randn, type Tensor } from "../torch/index.js"
import { autoregressiveObjective } from "./autoregressive/objective.js"
import { referenceAutoregressiveObjective } from "./autoregressive/reference-objective.js"
import type { Objective, TrainingBatch, TrainingSample } from "./batch.js"
import { blockDiffusionObjective } from "./block-diffusion/objective.js"
import { referenceBlockDiffusionObjective } from "./block-diffusion/reference-objective.js"
import { type FullDiffusionOptions, fullDiffusionObjective } from "./full-diffusion/objective.js"
import { referenceFullDiffusionObjective } from "./full-diffusion/reference-objective.js"

/** Text with two turns in it ([40 … 41], the assistant's marked 42), and a picture of 5 rows when asked for. */
function sample(length: number, seed: number, { image = false, axes = false } = {}): TrainingSample {
  const random = randomFrom(seed)
  const ids = Int32Array.from({ length }, () => 7 + Math.floor(random() * 30))
  const labels = ids.map((id) => (random() < 0.4 ? id : -100))
  const marks = [
    [0, 40],
    [9, 41],
    [10, 40],
    [11, 42],
    [14, 41],
    [15, 40],
    [length - 1, 41],
  ]
  for (const [i, id] of marks) ids[i] = labels[i] = id
  if (image) {
    ids.fill(IMAGE, 3, 8)
    labels.fill(-100, 3, 8)
  }
  const axis = (): Int32Array => Int32Array.from({ length }, (_, i) => i + Math.floor(random() * 3))
  return {
    ids,
    labels,
    images: image ? [{ image: 0, from: 0, start: 3, count: 5 }] : [],
    ...(axes && { positions: [axis(), axis(), axis()] as const }),
    where: "test",
  }
}
const TURNS = { start: 40, end: 41, assistant: 42 }

function gradientsOf(parameters: Iterable<[string, Tensor]>, sum: Tensor): Map<string, Tensor | null> {
  const all = [...parameters]
  for (const [, parameter] of all) parameter.grad = null
  backward(sum)
  return new Map(all.map(([name, { grad }]) => [name, grad]))
}

function expectSame(parameters: Iterable<[string, Tensor]>, fast: Objective, reference: Objective, digits = 10): void {
  const all = [...parameters]
  expect(reference.sum.item()).toBeGreaterThan(0)
  expect(fast.sum.item() / reference.sum.item()).toBeCloseTo(1, digits)
  expect(fast.count).toBe(reference.count)
  expect(fast.tokensPerSample).toEqual(reference.tokensPerSample)
  const [ours, theirs] = [fast, reference].map(({ tokenCrossEntropy }) => tokenCrossEntropy.toNumbers())
  expect(ours.length).toBe(theirs.length)
  expect(ours.length).toBe(fast.tokensPerSample.reduce((a, b) => a + b))
  for (const [i, value] of ours.entries()) expect(value).toBeCloseTo(theirs[i], digits - 1)
  const gradients = gradientsOf(all, fast.sum)
  const expected = gradientsOf(all, reference.sum)
  expect(gradients.size).toBeGreaterThan(10)
  for (const [name, gradient] of gradients) {
    const other = expected.get(name)
    expect(gradient === null, name).toBe(other === null)
    if (!gradient || !other) continue
    const scale = Math.max(1, other.abs().max().item())
    expect(gradient.sub(other).abs().max().item() / scale, name).toBeLessThan(10 ** -digits)
  }
}

const fullCases: (Omit<FullDiffusionOptions, "maskToken"> & { seed: number; lengths: number[] })[] = [
  { seed: 1, lengths: [24] },
  { seed: 2, lengths: [24, 40, 19] },
  { seed: 3, lengths: [24, 40, 19], per: "tokens" },
  { seed: 4, lengths: [33, 21], turns: TURNS },
  { seed: 5, lengths: [33, 21], shift: "next" },
  { seed: 6, lengths: [40, 21, 22], shift: "next", turns: TURNS, per: "tokens", epsMin: 0.2, epsMax: 0.6 },
]

describe("full diffusion", () => {
  const model = tinyModel(11, { trainable: true })
  const features = [randn([5, 16], { generator: new Generator(4), dtype: "float64" }).requiresGrad_()]
  const parameters: [string, Tensor][] = [...model.parameters(), ["a picture", features[0]]]

  it.each(fullCases)(
    "equals the whole sequence under a dense mask, with pictures: %o",
    ({ seed, lengths, ...rest }) => {
      const options = { maskToken: MASK, ...rest }
      for (const axes of [false, true]) {
        const samples = lengths.map((length, i) => sample(length, seed * 10 + i, { image: i !== 1, axes }))
        const run = (objective: typeof fullDiffusionObjective): Objective =>
          objective(model, { samples, images: [] }, options, randomFrom(seed), features)
        const fast = run(fullDiffusionObjective)
        expectSame(parameters, fast, run(referenceFullDiffusionObjective))
        expect(fast.metrics.tokensComputed).toBeGreaterThan(0)
        expect(features[0].grad?.abs().max().item()).toBeGreaterThan(0)
      }
    },
  )

  it("leaves out the turns behind the last that is learned", () => {
    const one = sample(30, 3)
    one.labels.fill(-100, 1, 9)
    const labels = Int32Array.from(one.labels)
    // Nothing but the marks is labelled, and these are masked in the first turn only.
    const draws = [0.5, ...Array.from(labels, (_, i) => (i < 15 ? 0 : 0.99))].values()
    const options = { maskToken: MASK, turns: TURNS }
    const batch = { samples: [{ ...one, labels }], images: [] }
    const { metrics } = fullDiffusionObjective(model, batch, options, () => draws.next().value as number)
    expect(metrics.tokensComputed).toBe(15)
  })

  it("weighs samples alike, or their tokens", () => {
    const samples = [sample(24, 1), sample(40, 2)]
    // Everything labelled is masked, with p = 1 nearly.
    const run = (own: TrainingSample[], per: "samples" | "tokens") => {
      const { sum, count, metrics } = fullDiffusionObjective(
        model,
        { samples: own, images: [] },
        { maskToken: MASK, per, epsMin: 1 },
        () => 0,
      )
      return { sum: sum.item(), count, labelled: metrics.labelledTokens }
    }
    const alone = samples.map((one) => run([one], "samples"))
    const [first, second] = alone
    const together = run(samples, "samples")
    expect(together.count).toBe(2)
    expect(together.sum).toBeCloseTo(first.sum + second.sum, 9)
    const tokens = run(samples, "tokens")
    expect(tokens.count).toBe(first.labelled + second.labelled)
    expect(tokens.sum).toBeCloseTo(first.sum * first.labelled + second.sum * second.labelled, 7)
  })

  it("a batch with nothing masked has sum 0 and gradients 0", () => {
    const { sum, count, metrics } = fullDiffusionObjective(
      model,
      { samples: [sample(20, 1)], images: [] },
      { maskToken: MASK },
      () => 0.9999999,
    )
    expect([sum.item(), count, metrics.maskedTokens]).toEqual([0, 1, 0])
    const [gradient] = gradientsOf(model.parameters(), sum).values()
    expect(gradient?.abs().max().item()).toBe(0)
  })
})

describe("the autoregressive objective", () => {
  const model = tinyModel(12, { trainable: true })
  const features = [randn([5, 16], { generator: new Generator(5), dtype: "float64" }).requiresGrad_()]
  it.each([false, true])("equals that of all rows, with pictures (three axes: %s)", (axes) => {
    const samples = [24, 40, 19].map((length, i) => sample(length, i, { image: i !== 1, axes }))
    const batch: TrainingBatch = { samples, images: [] }
    const parameters: [string, Tensor][] = [...model.parameters(), ["a picture", features[0]]]
    for (const per of ["tokens", "samples"] as const)
      expectSame(
        parameters,
        autoregressiveObjective(model, batch, { per }, features),
        referenceAutoregressiveObjective(model, batch, { per }, features),
      )
  })
})

describe.each(Object.entries(SMALL_FAMILIES))("%s", (_, json) => {
  const config = normaliseConfig(json)
  const batch: TrainingBatch = { samples: [sample(26, 1), sample(19, 2)], images: [] }
  const MASKED = 47
  const of = (dtype: "float64" | "float32"): LanguageModel => newModel(config, 5, { std: 0.3, dtype, trainable: true })

  it("has the same objectives, fast and as they are written down", () => {
    const model = of("float64")
    for (const shift of ["same", "next"] as const) {
      const full = { maskToken: MASKED, shift, turns: shift === "next" ? TURNS : undefined }
      expectSame(
        model.parameters(),
        fullDiffusionObjective(model, batch, full, randomFrom(3)),
        referenceFullDiffusionObjective(model, batch, full, randomFrom(3)),
      )
      for (const [per, context] of [
        ["tokens", "block"],
        ["samples", "block"],
        ["samples", "causal"],
      ] as const) {
        const block = { maskToken: MASKED, shift, blockSize: 4, per, context }
        expectSame(
          model.parameters(),
          blockDiffusionObjective(model, batch, block, randomFrom(3)),
          referenceBlockDiffusionObjective(model, batch, block, randomFrom(3)),
        )
      }
    }
  })

  it("in float32 too, as far as it reaches", () => {
    const model = of("float32")
    const options = { maskToken: MASKED, turns: TURNS }
    expectSame(
      model.parameters(),
      fullDiffusionObjective(model, batch, options, randomFrom(4)),
      referenceFullDiffusionObjective(model, batch, options, randomFrom(4)),
      4,
    )
  })
})
