/** Every language-model family: configurations old and new, saved and loaded again, translated, and in every naming. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { asDiffusion } from "../../test/support/as-diffusion.js"
import { SMALL_FAMILIES } from "../../test/support/small-families.js"
import { difference, ids, logits } from "../../test/support/text-logits.js"
import { writeTensors } from "../checkpoint/safetensors/safetensors.js"
import { storedEntries } from "../checkpoint/stored-entries.js"
import { blockCausal } from "../nn/attention-pattern.js"
import { paradigmOf } from "../paradigms/registry.js"
import { asParadigm } from "../paradigms/translate.js"
import { arange, cat, noGrad, type Tensor, tidy } from "../torch/index.js"
import { checkpointOf } from "./checkpoint.js"
import { loadCheckpoint, loadModel } from "./load.js"
import { normaliseConfig, readConfig } from "./read-config.js"
import { architectureOf, buildModel, expectedTensors, initialiseWeights, newModel } from "./registry.js"
import { saveModel, tensorEntries } from "./save.js"

let root: string
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "families-"))
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

const FAMILIES = Object.entries(SMALL_FAMILIES)
describe.each(FAMILIES)("%s", (_, json) => {
  const config = normaliseConfig(json)
  const parameters = initialiseWeights(config, 3, { std: 0.3, dtype: "bfloat16" })

  it("is saved and loaded as the same model, with a configuration that keeps every key", async () => {
    await saveModel(root, { config, parameters })
    const { model, checkpoint } = loadModel(root, { dtype: "float32", device: "cpu" })
    const { raw: before, ...ours } = config
    const { raw: after, ...again } = checkpoint.config
    expect(again).toEqual(ours)
    expect(after).toMatchObject(before)
    expect([...model.parameters().keys()]).toEqual([...expectedTensors(config).keys()])
    for (const [name, weight] of model.parameters()) expect(difference(weight, parameters.get(name)!), name).toBe(0)
    expect(logits(model).shape).toEqual([20, 48])
  })

  it("records a paradigm beside what its library reads, and nothing when it is the published one", async () => {
    const target = asDiffusion(config, { record: { block_size: 4, shift: "next" } })
    await saveModel(root, { config: target, parameters })
    const written = JSON.parse(fs.readFileSync(path.join(root, "config.json"), "utf8"))
    expect(written).toMatchObject({
      ...json,
      diffusionvl: { paradigm: "block-diffusion", block_size: 4, shift: "next" },
    })
    const back = readConfig(root)
    expect(back.paradigm).toEqual(target.paradigm)
    expect(
      architectureOf(back).write(
        asParadigm(back, paradigmOf(config), { recorded: config.paradigm.options }),
        "bfloat16",
      ).diffusionvl,
    ).toBeUndefined()
  })

  it("gives the same with a cache as without, in pieces", () =>
    noGrad(() => {
      const model = newModel(config, 5, { std: 0.3, dtype: "float64" })
      for (const blockSize of [1, 4]) {
        const whole = logits(model, blockCausal(20, blockSize))
        const cache = model.newCache(8)
        const pieces: Tensor[] = []
        for (let start = 0; start < 20; ) {
          const rows = Math.min(20 - start, blockSize * (start === 0 ? 2 : 1))
          const embeddings = model.embed(ids.slice(start, start + rows)).unsqueeze(0)
          const positions = arange(start, start + rows).unsqueeze(0)
          const patterns = [blockCausal(rows, blockSize, start)]
          pieces.push(tidy(() => model.forward({ embeddings, positions, patterns, caches: [cache] })))
          cache.commit(rows)
          start += rows
        }
        expect(difference(model.logits(cat(pieces, 1).squeeze(0)), whole)).toBeLessThan(1e-11)
      }
    }))

  it("computes only the wanted rows, and the same", () =>
    noGrad(() => {
      const model = newModel(config, 6, { std: 0.3, dtype: "float64" })
      const outputPositions = [Int32Array.of(3, 11, 19)]
      const input = {
        embeddings: model.embed(ids).unsqueeze(0),
        positions: arange(0, 20).unsqueeze(0),
        patterns: [blockCausal(20, 4)],
      }
      const some = model.forward({ ...input, outputPositions })
      const all = model.forward(input).squeeze(0)
      expect(difference(some, cat([3, 11, 19].map((row) => all.narrow(0, row, 1))))).toBeLessThan(1e-12)
    }))

  it("cannot see pictures, and says so", () => {
    const model = newModel(config, 1)
    expect(model.encodeImages([])).toEqual([])
    expect(() => model.encodeImages([{ pieces: [4] }])).toThrow(/reads text only/)
  })

  it("is read as newer releases write it: nested, rope_parameters, other prefixes, dtype", async () => {
    const { model_type, architectures, torch_dtype: _, rope_theta, rope_scaling, ...text } = json
    const nested = {
      model_type,
      architectures,
      dtype: "bfloat16",
      text_config: {
        ...text,
        model_type,
        rope_parameters: { rope_type: "default", ...(rope_scaling as object), rope_theta },
      },
    }
    if (rope_theta === undefined) delete (nested.text_config.rope_parameters as { rope_theta?: unknown }).rope_theta
    const { raw: _r, ...expected } = config
    const { raw: _n, ...found } = normaliseConfig(nested)
    expect(found).toEqual(expected)
    // Written again it says the same, whatever the outer level says of another model.
    const stale = { hidden_size: 4096, vocab_size: 32000, head_dim: 128, sliding_window: 4096, eos_token_id: 7 }
    const mixed = normaliseConfig({ ...stale, ...nested })
    const written = architectureOf(mixed).write(mixed, "bfloat16")
    const { raw: _w, ...again } = normaliseConfig(written)
    expect(again).toEqual(expected)
    expect(written).toMatchObject({ model_type: config.family, architectures })
    for (const prefix of ["model.language_model.", ""]) {
      const folder = path.join(root, prefix || "none")
      const rename = (name: string) => name.replace(/^model\./, prefix)
      const stored = storedEntries(architectureOf(config).layouts(config)[0], tensorEntries(parameters))
      await writeTensors(
        folder,
        stored.map((entry) => ({ ...entry, name: rename(entry.name) })),
      )
      fs.writeFileSync(path.join(folder, "config.json"), JSON.stringify(nested))
      const { model } = loadModel(folder, { dtype: "bfloat16", device: "cpu" })
      for (const [name, weight] of model.parameters()) expect(difference(weight, parameters.get(name)!), name).toBe(0)
    }
  })
})

/** Options as files combine them; the values are those of transformers 4.57.6 on the folders that are saved here. */
const { llada: _llada, ...causalFamilies } = SMALL_FAMILIES
const OPTIONS: Record<string, Record<string, unknown>> = {
  ...causalFamilies,
  dynamic: { ...SMALL_FAMILIES.llama, rope_scaling: { rope_type: "dynamic", factor: 2 }, max_position_embeddings: 8 },
  yarn: {
    ...SMALL_FAMILIES.llama,
    rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 8 },
  },
  yarn2: { ...SMALL_FAMILIES.qwen3, rope_scaling: { rope_type: "yarn", factor: 4 }, tie_word_embeddings: true },
  smolwin: { ...SMALL_FAMILIES.smollm3, use_sliding_window: true, sliding_window: 4 },
  q3bias: {
    ...SMALL_FAMILIES.qwen3,
    attention_bias: true,
    layer_types: ["full_attention", "sliding_attention", "full_attention", "sliding_attention"],
    use_sliding_window: true,
    sliding_window: 3,
  },
}

describe("logits are those of transformers", () => {
  const file = new URL("../../test/fixtures/families/transformers.json", import.meta.url)
  const golden: Record<string, number[][]> = JSON.parse(fs.readFileSync(file, "utf8"))

  it.each(Object.entries(OPTIONS))("%s", (name, json) => {
    const config = normaliseConfig(json)
    const parameters = initialiseWeights(config, 3, { std: 0.3 })
    // New biases are 0, which would hide them.
    const others = initialiseWeights(config, 9, { std: 0.3 })
    noGrad(() => {
      for (const [name, weight] of parameters)
        if (name.endsWith(".bias")) weight.copy_(others.get(name.replace(/bias$/, "weight"))!.select(1, 0))
    })
    const ours = logits(buildModel(config, parameters, "float32"))
    const largest = ours.abs().max().item()
    for (const [i, row] of [7, 19].entries())
      for (const [column, value] of ours.select(0, row).toNumbers().entries())
        expect(Math.abs(value - golden[name][i][column]) / largest).toBeLessThan(1e-5)
  })
})

it("weights that are made when they are asked for are loaded as those of files", () => {
  const config = normaliseConfig(SMALL_FAMILIES.qwen3)
  const parameters = initialiseWeights(config, 3, { std: 0.3 })
  const stored = tensorEntries(parameters).map((entry) => [entry.name, entry] as const)
  const { model } = loadCheckpoint(checkpointOf(config, stored, "somewhere"), { dtype: "float32", device: "cpu" })
  expect(difference(logits(model), logits(buildModel(config, parameters, "float32")))).toBe(0)
  expect(() => checkpointOf(config, stored.slice(1), "somewhere")).toThrow(/1 tensor missing: model.embed_tokens/)
})

describe("a vocabulary that grows", () => {
  it.each([true, false])("has the mean of its rows in the new ones, tied: %s", async (tie) => {
    const config = normaliseConfig({ ...SMALL_FAMILIES.qwen3, tie_word_embeddings: tie })
    await saveModel(root, { config, parameters: initialiseWeights(config, 3, { std: 0.3 }) })
    const { model } = loadModel(root, { dtype: "float32", device: "cpu", vocabSize: 50, trainable: true })
    expect([model.vocabSize, model.config.text.vocabSize]).toEqual([50, 50])
    for (const name of ["model.embed_tokens.weight", ...(tie ? [] : ["lm_head.weight"])]) {
      const weight = model.parameters().get(name)!
      expect(weight.shape).toEqual([50, 16])
      const mean = weight.narrow(0, 0, 48).mean([0])
      for (const row of [48, 49]) expect(difference(weight.select(0, row), mean)).toBeLessThan(1e-7)
    }
    expect(logits(model).shape).toEqual([20, 50])
  })
})
