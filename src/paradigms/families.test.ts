/** All paradigms on every language-model family: one step of learning, and decoding that agrees where it must. */
import { describe, expect, it } from "vitest"
import { decodeAutoregressive, decodeBlocks, decodeFullDiffusion } from "../../test/support/decode.js"
import { valuesOf } from "../../test/support/likelihoods.js"
import { SMALL_FAMILIES } from "../../test/support/small-families.js"
import { normaliseConfig } from "../models/read-config.js"
import { type Model, newModel } from "../models/registry.js"
import { backward, type Tensor } from "../torch/index.js"
import { autoregressiveObjective } from "./autoregressive/objective.js"
import { meanLoss, type TrainingBatch } from "./batch.js"
import { blockDiffusionObjective } from "./block-diffusion/objective.js"
import type { DecodeEvent } from "./decode-events.js"
import { fullDiffusionLikelihoods } from "./full-diffusion/likelihood.js"
import { fullDiffusionObjective } from "./full-diffusion/objective.js"

const MASK = 47
const ids = Int32Array.from({ length: 24 }, (_, i) => (i * i * 5 + 3 * i + 7) % 46)
const labels = ids.map((id, i) => (i < 9 ? -100 : id))
const batch: TrainingBatch = { samples: [{ ids, labels, images: [], where: "here" }], images: [] }

async function answer(events: AsyncGenerator<DecodeEvent>): Promise<number[]> {
  for await (const event of events) if (event.type === "done") return [...event.ids]
  throw new Error("no end")
}

describe.each(Object.entries(SMALL_FAMILIES))("%s", (_, json) => {
  const config = normaliseConfig(json)
  const step = (objective: (model: Model) => Tensor): string[] => {
    const model = newModel(config, 5, { std: 0.3, dtype: "float64", trainable: true })
    const loss = objective(model)
    expect(loss.item()).toBeGreaterThan(0)
    backward(loss)
    return [...model.parameters()]
      .filter(([, { grad }]) => !grad || !(grad.abs().max().item() > 0))
      .map(([name]) => name)
  }

  it("every weight learns from each objective", () => {
    expect(step((model) => meanLoss(autoregressiveObjective(model, batch)))).toEqual([])
    const options = { blockSize: 8, maskToken: MASK }
    expect(step((model) => meanLoss(blockDiffusionObjective(model, batch, options, () => 0.6)))).toEqual([])
    for (const shift of ["same", "next"] as const) {
      const full = { maskToken: MASK, shift }
      const draws = Array.from({ length: 25 }, (_, i) => (i === 0 ? 0.6 : (i * 0.37) % 1))
      expect(step((model) => fullDiffusionObjective(model, batch, full, () => draws.shift() ?? 1).sum)).toEqual([])
    }
  })

  it("decodes and scores by full diffusion: what it writes one token after the other is what it finds likely", async () => {
    const model = newModel(config, 9, { std: 0.3, embeddingStd: 1, dtype: "float64" })
    const prompt = { ids: ids.slice(0, 9) }
    const chosen = { maskToken: MASK, genLength: 6, blockSize: 1, suppress: [MASK] }
    for (const shift of ["same", "next"] as const) {
      const events: DecodeEvent[] = []
      for await (const event of decodeFullDiffusion(model, prompt, { ...chosen, shift })) events.push(event)
      const steps = events.flatMap((event) => (event.type === "step" ? [event] : []))
      const written = steps.map((event) => event.ids[0])
      expect(written.length).toBe(6)
      const options = { maskToken: MASK, shift }
      const other = written.map((id) => (id + 1) % MASK)
      const answers = [written, other].map((one) => Int32Array.from(one))
      const scores = await valuesOf(model, prompt, fullDiffusionLikelihoods(prompt.ids.length, answers, options))
      // The mask has a share in the model's own distribution, which decoding does not let it have.
      const decoded = steps.reduce((sum, event) => sum + Math.log(event.confidences[0]), 0)
      expect(scores[0]).toBeLessThanOrEqual(decoded + 1e-5)
      expect(scores[0]).toBeGreaterThan(scores[1])
    }
  })

  it("decodes the same in blocks of one by the next token, the fast way and the reference's", async () => {
    const model = newModel(config, 9, { std: 0.3, embeddingStd: 1, dtype: "float64" })
    const prompt = { ids: ids.slice(0, 9) }
    const options = { eos: [], genLength: 14 }
    // The mask is never an answer: the autoregressive decoder must not choose it either.
    const suppressTokens = [MASK]
    const expected = await answer(decodeAutoregressive(model, prompt, { ...options, suppressTokens }))
    const blocks = { ...options, maskToken: MASK, blockSize: 1, shift: "next" as const }
    for (const reference of [false, true])
      expect(await answer(decodeBlocks(model, prompt, { ...blocks, reference })), String(reference)).toEqual(expected)
    const four = { ...options, maskToken: MASK, blockSize: 4, steps: 4 }
    const ways = [false, true].map((reference) => answer(decodeBlocks(model, prompt, { ...four, reference })))
    expect(await ways[0]).toEqual(await ways[1])
  })
})
