/** What makes the language-model families differ: their options, scalings, windows and names. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { goldenModelFolder, needsGolden } from "../../test/support/golden.js"
import { SMALL_FAMILIES } from "../../test/support/small-families.js"
import { difference, ids, logits } from "../../test/support/text-logits.js"
import { bidirectional, causal } from "../nn/attention-pattern.js"
import { arange, cat, noGrad, type Tensor } from "../torch/index.js"
import type { DecoderConfig } from "./decoder/decoder-config.js"
import { loadModel } from "./load.js"
import { normaliseConfig } from "./read-config.js"
import { initialiseWeights, newModel } from "./registry.js"
import { saveModel } from "./save.js"

let root: string
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "families-"))
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))
const decoderOf = (json: Record<string, unknown>): DecoderConfig => normaliseConfig(json).text as DecoderConfig

describe("what makes the families differ", () => {
  it("is in their options", () => {
    const [qwen2, qwen3, llama, mistral, smollm3, llada] = Object.values(SMALL_FAMILIES).map(decoderOf)
    expect([qwen2.biases, qwen2.windows, qwen2.tie]).toEqual([
      { qkv: true, output: false, mlp: false },
      [null, null, 5, 5],
      true,
    ])
    expect([qwen3.headNorms, qwen3.headDim, qwen3.biases.qkv]).toEqual([true, 8, false])
    expect([llama.biases, llama.ropeScaling?.type]).toEqual([{ qkv: true, output: true, mlp: true }, "llama3"])
    expect([mistral.windows, mistral.biases.qkv]).toEqual([[6, 6, 6, 6], false])
    expect([smollm3.ropeLayers, smollm3.tie]).toEqual([[true, true, true, false], true])
    expect([llada.kvHeads, normaliseConfig(SMALL_FAMILIES.llada).paradigm.name]).toEqual([4, "full-diffusion"])
  })

  it("a window hides what is further away, a layer without one does not", () => {
    const plain = { ...SMALL_FAMILIES.mistral, sliding_window: null }
    const [narrow, wide] = [SMALL_FAMILIES.mistral, plain].map((json) =>
      newModel(normaliseConfig(json), 4, { std: 0.3 }),
    )
    const [a, b] = [logits(narrow), logits(wide)]
    expect(difference(a.narrow(0, 0, 6), b.narrow(0, 0, 6))).toBeLessThan(1e-5)
    expect(difference(a.narrow(0, 6, 14), b.narrow(0, 6, 14))).toBeGreaterThan(1e-3)
    expect(difference(logits(narrow, bidirectional(20)), logits(wide, bidirectional(20)))).toBeGreaterThan(1e-3)
  })

  it.each([
    [{ rope_scaling: { type: "longrope" } }, /rope scaling of type "longrope" is not supported/],
    [{ rope_scaling: { rope_type: "yarn" } }, /rope_scaling.factor is missing: yarn scaling needs it/],
    [
      { rope_scaling: { ...(SMALL_FAMILIES.llama.rope_scaling as object), low_freq_factor: 4 } },
      /low_freq_factor 4 is not below/,
    ],
    [
      { rope_parameters: { rope_type: "linear", factor: "two" } },
      /rope_parameters.factor: expected a number, found "two"/,
    ],
    [{ head_dim: 7 }, /head_dim 7 is odd/],
    [{ num_key_value_heads: 3 }, /num_attention_heads 4 is not a multiple of num_key_value_heads 3/],
    [{ hidden_act: "gelu" }, /hidden_act: expected "silu", found "gelu"/],
    [{ mask_token_id: 48 }, /mask_token_id 48 is outside the vocabulary of 48/],
    [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor: expected 1, found 0.5/],
    [{ diffusionvl: { paradigm: 3 } }, /diffusionvl.paradigm: expected a text, found 3/],
    [{ diffusionvl: { block_size: 8 } }, /diffusionvl.paradigm is missing|diffusionvl.paradigm: is missing/],
    [{ quantization_config: { bits: 4 } }, /quantised/],
    [{ text_config: [] }, /text_config: expected an object, found an empty list/],
  ])("an error names the key: %j", (change, expected) => {
    expect(() => normaliseConfig({ ...SMALL_FAMILIES.llama, ...change })).toThrow(expected)
  })

  it("what a file leaves out is what the family's library takes", () => {
    const { num_key_value_heads: _kv, rms_norm_eps: _eps, ...rest } = SMALL_FAMILIES.mistral
    const many = { ...rest, num_attention_heads: 32 }
    expect([decoderOf(many).kvHeads, decoderOf(many).rmsNormEps]).toEqual([8, 1e-6])
    expect(decoderOf({ ...many, num_key_value_heads: null }).kvHeads).toBe(32)
    const { num_key_value_heads: _, ...older } = SMALL_FAMILIES.llama
    expect(decoderOf(older).kvHeads).toBe(4)
  })

  it("rope_parameters of newer files: for each type of layer, the original length, and a factor that is a quotient", () => {
    const read = (rope_parameters: object, rest: object = {}): DecoderConfig =>
      decoderOf({ ...SMALL_FAMILIES.mistral, rope_parameters, ...rest })
    const theta = { rope_type: "default", rope_theta: 5e5 }
    expect(read({ full_attention: theta, sliding_attention: theta }).ropeTheta).toBe(5e5)
    const other = { ...theta, rope_theta: 1e4 }
    expect(() => read({ full_attention: theta, sliding_attention: other })).toThrow(/differ from one type of layer/)
    const layer_types = Array(4).fill("full_attention")
    expect(read({ full_attention: theta, sliding_attention: other }, { layer_types }).ropeTheta).toBe(5e5)
    expect(() => read({ full_attention: { ...theta, rope_theta: "x" } })).toThrow(
      /rope_parameters.full_attention.rope_theta: expected a number/,
    )
    expect(() => read({ ...theta, partial_rotary_factor: 0.5 })).toThrow(/partial_rotary_factor: expected 1, found 0.5/)
    const yarn = { rope_type: "yarn", original_max_position_embeddings: 16 }
    expect(read(yarn).ropeScaling).toMatchObject({ factor: 4, originalPositions: 16 })
    const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 }
    expect(read(llama3).ropeScaling).toMatchObject({ originalPositions: 64 })
  })

  it("a scaling that begins where the positions end adds to them", () => {
    const reach = (rope_scaling: object): number => decoderOf({ ...SMALL_FAMILIES.mistral, rope_scaling }).maxPositions
    expect(reach({ type: "dynamic", factor: 2.5 })).toBe(160)
    expect(reach({ type: "yarn", factor: 4 })).toBe(256)
    expect(reach({ type: "yarn", factor: 4, original_max_position_embeddings: 16 })).toBe(64)
    expect(reach({ type: "linear", factor: 4 })).toBe(64)
  })

  it("a file of endless levels is refused", () => {
    let deep: unknown = 1
    for (let i = 0; i < 200_000; i++) deep = [deep]
    expect(() => normaliseConfig({ ...SMALL_FAMILIES.llama, extra: deep })).toThrow(/more than 100 levels/)
  })

  it("lists of layers have an entry for each", () => {
    for (const no_rope_layers of [
      [1, 0],
      [1, 1],
    ])
      expect(() => normaliseConfig({ ...SMALL_FAMILIES.smollm3, no_rope_layers })).toThrow(
        /no_rope_layers does not have one entry for each of the 4/,
      )
    const sliding = { ...SMALL_FAMILIES.qwen2, layer_types: ["sliding_attention"] }
    expect(() => normaliseConfig(sliding)).toThrow(/layer_types does not have one entry for each of the 4/)
  })
})

describe("dynamic scaling goes by the length of each sequence", () => {
  const dynamic = { rope_scaling: { rope_type: "dynamic", factor: 2 }, max_position_embeddings: 8 }
  const model = newModel(normaliseConfig({ ...SMALL_FAMILIES.llama, ...dynamic }), 5, { std: 0.3, dtype: "float64" })
  const embedded = (length: number): Tensor => model.embed(ids.subarray(0, length))
  const alone = (length: number): Tensor => {
    const positions = arange(0, length).unsqueeze(0)
    return model.forward({ embeddings: embedded(length).unsqueeze(0), positions, patterns: [causal(length)] })
  }

  it("whatever is beside it", () =>
    noGrad(() => {
      const lengths = [5, 20, 9]
      const packed = model.forward({
        embeddings: cat(lengths.map(embedded)).unsqueeze(0),
        positions: cat(lengths.map((length) => arange(0, length))).unsqueeze(0),
        patterns: lengths.map((length) => causal(length)),
        caches: lengths.map((length) => model.newCache(length)),
      })
      const each = cat(
        lengths.map((length) => alone(length)),
        1,
      )
      expect(difference(packed, each)).toBeLessThan(1e-12)
      const rows = (length: number): Tensor => cat([arange(0, length), arange(0, 20 - length)]).unsqueeze(0)
      const batch = model.forward({
        embeddings: cat([embedded(20), embedded(20)]).view(2, 20, -1),
        positions: cat([rows(20), rows(9)]),
        patterns: [causal(20), causal(9)],
      })
      expect(difference(batch.select(0, 0), alone(20).squeeze(0))).toBeLessThan(1e-12)
      expect(difference(alone(20).narrow(1, 0, 9), alone(9))).toBeGreaterThan(1e-3)
    }))

  it("and in pieces of a prompt by the whole", () =>
    noGrad(() => {
      const cache = model.newCache(20)
      const pieces = [0, 8, 16].map((start) => {
        const rows = Math.min(8, 20 - start)
        const hidden = model.forward({
          embeddings: embedded(20).narrow(0, start, rows).unsqueeze(0),
          positions: arange(start, start + rows).unsqueeze(0),
          patterns: [causal(rows, start)],
          caches: [cache],
          lengths: [20],
        })
        cache.commit(rows)
        return hidden
      })
      expect(difference(cat(pieces, 1), alone(20))).toBeLessThan(1e-12)
    }))
})

describe("LLaDA", () => {
  const published = {
    model_type: "llada",
    d_model: 16,
    n_layers: 4,
    n_heads: 4,
    n_kv_heads: 4,
    mlp_hidden_size: 24,
    vocab_size: 48,
    embedding_size: 48,
    max_sequence_length: 64,
    rms_norm_eps: 1e-6,
    rope_theta: 5e5,
    weight_tying: false,
    eos_token_id: 2,
    mask_token_id: 47,
  }

  it("has the same weights under the names it is published in, and is saved in the ones it came in", async () => {
    const theirs = normaliseConfig(published)
    const ours = normaliseConfig(SMALL_FAMILIES.llada)
    expect(theirs.text).toEqual(ours.text)
    const parameters = initialiseWeights(theirs, 3, { std: 0.3 })
    await saveModel(path.join(root, "theirs"), { config: theirs, parameters })
    await saveModel(path.join(root, "ours"), { config: ours, parameters })
    const [a, b] = ["theirs", "ours"].map((name) =>
      loadModel(path.join(root, name), { dtype: "float32", device: "cpu" }),
    )
    expect([a.checkpoint.layout, b.checkpoint.layout]).toEqual(["llada", "transformers"])
    const file = fs.readFileSync(path.join(root, "theirs", "model.safetensors"), "latin1")
    expect(file).toContain('"model.transformer.blocks.3.ff_proj.weight"')
    expect(JSON.parse(fs.readFileSync(path.join(root, "theirs", "config.json"), "utf8"))).toMatchObject(published)
    expect(difference(logits(a.model, bidirectional(20)), logits(b.model, bidirectional(20)))).toBe(0)
  })

  it("says what of the published options it does not know", () => {
    expect(() => normaliseConfig({ ...published, alibi: true })).toThrow(/alibi: expected false, found true/)
    expect(() => normaliseConfig({ ...published, d_model: "wide" })).toThrow(/d_model: expected a number, found "wide"/)
  })

  it("knows its mask and the end of a turn where the vocabulary has them", () => {
    const { tokens } = normaliseConfig({
      ...SMALL_FAMILIES.llada,
      mask_token_id: undefined,
      vocab_size: 126464,
      eos_token_id: 126081,
    })
    expect([tokens.mask, tokens.eos]).toEqual([126336, [126348, 126081]])
  })

  needsGolden.it("golden folders in both namings are one model", () => {
    const [a, b] = ["small-llada", "small-llada-gsai"].map(
      (name) => loadModel(goldenModelFolder(name), { dtype: "float32", device: "cpu" }).model,
    )
    expect([...a.parameters().keys()]).toEqual([...b.parameters().keys()])
    for (const [name, weight] of a.parameters()) expect(difference(weight, b.parameters().get(name)!), name).toBe(0)
    const { biases, ...text } = a.config.text as DecoderConfig
    expect(b.config.text).toMatchObject({
      biases,
      layers: text.layers,
      rmsNormEps: text.rmsNormEps,
      ropeTheta: text.ropeTheta,
    })
  })
})
