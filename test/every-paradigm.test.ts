/** Architecture and paradigm are decoupled (paper, section 3.2): every paradigm trains, saves, loads, answers and scores on every family. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { withMaskToken } from "../src/checkpoint/mask-token.js"
import { randomFrom } from "../src/data/prng.js"
import { decode } from "../src/generate/generate.js"
import { scoreAnswers } from "../src/generate/score.js"
import { loadSession } from "../src/generate/session.js"
import { normaliseConfig } from "../src/models/read-config.js"
import { buildModel, initialiseWeights } from "../src/models/registry.js"
import { saveModel } from "../src/models/save.js"
import { meanLoss, type TrainingBatch } from "../src/paradigms/batch.js"
import { paradigms } from "../src/paradigms/registry.js"
import { asParadigm } from "../src/paradigms/translate.js"
import { IGNORE } from "../src/text/conversation.js"
import { backward, setThreads, tidy } from "../src/torch/index.js"
import { AdamW } from "../src/train/optimizer.js"
import { valuesOf } from "./support/likelihoods.js"
import { smallConfig } from "./support/small-checkpoint.js"
import { SMALL_FAMILIES } from "./support/small-families.js"

const root = mkdtempSync(join(tmpdir(), "every-"))
beforeAll(() => setThreads(1))
afterAll(() => rmSync(root, { recursive: true }))

const FAMILIES: Record<string, Record<string, unknown>> = { ...SMALL_FAMILIES, qwen2_5_vl: smallConfig() }
const combinations = Object.keys(FAMILIES).flatMap((family) => paradigms().map((paradigm) => ({ family, paradigm })))

describe.each(combinations)("$paradigm.name on $family", ({ family, paradigm }) => {
  const published = normaliseConfig(FAMILIES[family])
  const source = paradigm.masks ? withMaskToken(published, (id) => (id < 40 ? "text" : undefined)) : published
  const recipe = paradigm.recipe.parse({})
  const target = asParadigm(source, paradigm, {
    recorded: paradigm.record(recipe),
    image: { minPixels: 784, maxPixels: 3136 },
  })
  const folder = join(root, `${family}-${paradigm.name}`)
  const eos = target.tokens.eos[0] < target.text.vocabSize ? target.tokens.eos[0] : 2
  const config = { ...target, tokens: { ...target.tokens, eos: [eos] } }

  it("learns a step, is saved and loaded, and answers and scores as before", async () => {
    const parameters = initialiseWeights(config, 7, { std: 0.3, embeddingStd: 1, trainable: true })
    const model = buildModel(config, parameters, "float32")
    const ids = Int32Array.from({ length: 14 }, (_, i) => 3 + ((i * i * 5 + 3 * i) % 30))
    const encoded = { ids, labels: ids.map((id, i) => (i < 6 ? IGNORE : id)), answerStart: 6 }
    const layout = paradigm.layOut(encoded, recipe, { maxLength: 32, imageSpans: [], config })
    const batch: TrainingBatch = { samples: [{ ...layout, where: "test" }], images: [] }
    const optimizer = new AdamW(
      [...parameters].map(([name, tensor]) => ({ name, tensor, learningRate: 0.003, weightDecay: 0 })),
      { betas: [0.9, 0.999], eps: 1e-8, maxGradNorm: 1 },
    )
    const options = { recipe, per: paradigm.per, maskToken: paradigm.masks ? config.tokens.mask : undefined }
    const losses = Array.from({ length: 4 }, () => {
      // The same noise each time: the loss of the same tokens.
      const uniform = randomFrom(5)
      const loss = tidy(() => {
        const mean = meanLoss(paradigm.objective(model, batch, { ...options, uniform }))
        backward(mean)
        return mean.item()
      })
      optimizer.step(1)
      return loss
    })
    expect(losses[0]).toBeGreaterThan(0)
    expect(losses[3]).toBeLessThan(losses[0])

    await saveModel(folder, { config, parameters })
    const letters = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [String.fromCharCode(97 + i), i]))
    writeFileSync(
      join(folder, "tokenizer.json"),
      JSON.stringify({ model: { type: "BPE", vocab: letters, merges: [] } }),
    )
    // Nothing is known of the prompt before: sums are the same to the last bit.
    const session = loadSession(folder, { dtype: "float32", device: "cpu", prefixCache: { bytes: 0 } })
    expect(session.paradigm).toBe(paradigm)
    expect(session.config.paradigm).toEqual(config.paradigm)
    const prompt = { ids: ids.slice(0, 6) }
    const answered = async (): Promise<number[]> => {
      for await (const event of decode(session, prompt, { maxTokens: 8 }))
        if (event.type === "done") return [...event.ids]
      throw new Error("no answer")
    }
    const answer = await answered()
    expect(answer.length).toBeGreaterThan(0)
    expect(answer.length).toBeLessThanOrEqual(8)
    const scores = await scoreAnswers(session, prompt, ["dog", "wolf"])
    expect(scores.map(({ tokens }) => tokens)).toEqual([4, 5])
    for (const { logLikelihood } of scores) expect(logLikelihood).toBeLessThan(0)

    // What was loaded is what was trained: the same numbers, in memory.
    for (const parameter of parameters.values()) parameter.requiresGrad_(false)
    const answers = [Int32Array.of(3, 14, 6, eos), Int32Array.of(22, 14, 11, 5, eos)]
    const inMemory = await valuesOf(model, prompt, paradigm.likelihoods(prompt, answers, session.config, {}))
    expect(inMemory).toEqual(scores.map(({ logLikelihood }) => logLikelihood))
  })
})
