import { expect, it } from "vitest"
import { tinyModel, VOCABULARY } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import { backward } from "../../torch/index.js"
import { meanLoss, type TrainingSample } from "../batch.js"
import { autoregressiveObjective } from "./objective.js"

function sample(length: number, seed: number): TrainingSample {
  const random = randomFrom(seed)
  const ids = Int32Array.from({ length }, () => 7 + Math.floor(random() * (VOCABULARY - 7)))
  const axis = (): Int32Array => Int32Array.from({ length }, (_, i) => i + Math.floor(random() * 3))
  return {
    ids,
    labels: ids.map((id) => (random() < 0.4 ? id : -100)),
    images: [],
    positions: [axis(), axis(), axis()],
    where: "test",
  }
}

it("samples that share a row of the batch have the losses and the gradients they have alone", () => {
  const model = tinyModel(5, { trainable: true })
  const samples = [sample(9, 1), sample(40, 2), sample(12, 3), sample(17, 4), sample(11, 5)]
  const run = (own: TrainingSample[]): { losses: number[]; counts: readonly number[]; gradient: Float64Array } => {
    for (const parameter of model.parameters().values()) parameter.grad = null
    const objective = autoregressiveObjective(model, { samples: own, images: [] })
    const { tokenCrossEntropy, tokensPerSample } = objective
    backward(meanLoss(objective))
    const gradient = model.parameters().get("model.layers.0.self_attn.q_proj.weight")!.grad!
    return {
      losses: tokenCrossEntropy.toNumbers(),
      counts: tokensPerSample,
      gradient: Float64Array.from(gradient.view(-1).toNumbers()),
    }
  }
  const together = run(samples)
  const alone = samples.map((one) => run([one]))
  const total = together.losses.length
  expect(total).toBe(samples.reduce((sum, { labels }) => sum + labels.slice(1).filter((label) => label >= 0).length, 0))
  expect(together.gradient.some((value) => Math.abs(value) > 1e-6)).toBe(true)
  expect(together.counts).toEqual(alone.flatMap(({ counts }) => counts))
  alone
    .flatMap(({ losses }) => losses)
    .forEach((value, i) => {
      expect(together.losses[i]).toBeCloseTo(value, 6)
    })
  together.gradient.forEach((value, i) => {
    const mean = alone.reduce((sum, { gradient, losses }) => sum + (gradient[i] * losses.length) / total, 0)
    expect(value).toBeCloseTo(mean, 7)
  })
})
