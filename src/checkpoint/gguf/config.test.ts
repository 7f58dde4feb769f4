/** Configurations: what each family's metadata means, and what cannot be meant. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { floats, type GgufParts, ggufBytes, type Typed, tinyGguf } from "../../../test/support/gguf.js"
import { UserError } from "../../errors.js"
import { configOf } from "./config.js"
import { readGguf } from "./file.js"

let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "gguf-"))
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

interface Change {
  metadata?: Record<string, Typed>
  without?: string[]
  tensors?: GgufParts["tensors"]
}

/** Configuration of a tiny model with some keys of its architecture changed (a dot before them), removed or added. */
function config(architecture: string, { metadata = {}, without = [], tensors = [] }: Change = {}) {
  const full = (key: string) => (key.startsWith(".") ? architecture + key : key)
  const parts = tinyGguf(architecture)
  const entries = { ...parts.metadata }
  for (const [key, value] of Object.entries(metadata)) entries[full(key)] = value
  for (const key of without) delete entries[full(key)]
  const names = new Set(tensors.map(({ name }) => name))
  const file = path.join(folder, "model.gguf")
  const kept = parts.tensors.filter(({ name }) => !names.has(name) && !without.includes(name))
  fs.writeFileSync(file, ggufBytes({ metadata: entries, tensors: [...kept, ...tensors] }))
  return configOf(readGguf(file))
}
function refusal(...args: Parameters<typeof config>): string {
  try {
    config(...args)
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return (error as UserError).message
  }
  throw new Error("it was accepted")
}

describe("families", () => {
  it("Qwen3: the width of a head is its own, numbers are the shortest that are the same in float32", () => {
    expect(
      config("qwen3", { metadata: { ".attention.key_length": ["u32", 4], ".attention.value_length": ["u32", 4] } }),
    ).toEqual({
      architectures: ["Qwen3ForCausalLM"],
      model_type: "qwen3",
      hidden_size: 8,
      intermediate_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      head_dim: 4,
      hidden_act: "silu",
      rms_norm_eps: 1e-6,
      rope_theta: 1_000_000,
      max_position_embeddings: 128,
      vocab_size: 6,
      tie_word_embeddings: true,
      attention_bias: false,
      eos_token_id: 4,
    })
  })

  it("the width of a head comes from the queries where no key says it", () => {
    const q = floats("blk.0.attn_q.weight", [16, 8])
    expect(config("qwen3", { tensors: [q] }).head_dim).toBe(8)
  })

  it("Llama: biases and a head of its own are seen in the tensors, key heads and frequencies have defaults", () => {
    const tensors = [floats("output.weight", [6, 8]), floats("blk.0.attn_q.bias", [8])]
    const without = [".attention.head_count_kv", ".rope.freq_base"]
    expect(config("llama", { tensors, without, metadata: { ".rope.dimension_count": ["u32", 4] } })).toMatchObject({
      tie_word_embeddings: false,
      attention_bias: true,
      mlp_bias: false,
      num_key_value_heads: 2,
      rope_theta: 10_000,
    })
  })

  it("Qwen2 has no key for its biases", () => {
    expect(config("qwen2")).not.toHaveProperty("attention_bias")
  })

  it("SmolLM3: every fourth layer knows no positions", () => {
    const changed = config("smollm3", { metadata: { ".block_count": ["u32", 6] } })
    expect(changed.no_rope_layers).toEqual([1, 1, 1, 0, 1, 1])
    expect(changed.no_rope_layer_interval).toBe(4)
  })

  it("lists that say the same for every layer, and 64-bit numbers", () => {
    const heads: Typed = [
      "list",
      "i32",
      [
        ["i32", 2],
        ["i32", 2],
      ],
    ]
    expect(
      config("llama", { metadata: { ".attention.head_count": heads, ".context_length": ["u64", 4096n] } }),
    ).toMatchObject({
      num_attention_heads: 2,
      max_position_embeddings: 4096,
    })
  })

  it("ids of all marks; -1 is none", () => {
    const id = (value: number): Typed => ["u32", value]
    const metadata = {
      "tokenizer.ggml.bos_token_id": id(1),
      "tokenizer.ggml.eos_token_id": id(0xffffffff),
      "tokenizer.ggml.padding_token_id": id(3),
      "tokenizer.ggml.mask_token_id": id(5),
    }
    const { bos_token_id, eos_token_id, pad_token_id, mask_token_id } = config("llama", { metadata })
    expect([bos_token_id, eos_token_id, pad_token_id, mask_token_id]).toEqual([1, undefined, 3, 5])
    const ends = (eos: number, eot: number) =>
      config("llama", { metadata: { "tokenizer.ggml.eos_token_id": id(eos), "tokenizer.ggml.eot_token_id": id(eot) } })
    expect([ends(4, 5), ends(4, 4), ends(0xffffffff, 5)].map((one) => one.eos_token_id)).toEqual([[4, 5], 4, 5])
  })
})

describe("rope scaling", () => {
  const scaling = (metadata: Record<string, Typed>, tensors: GgufParts["tensors"] = []) =>
    config("llama", { metadata, tensors }).rope_scaling
  const type = (name: string): Typed => ["string", name]

  it("linear, also as old files say it", () => {
    expect(scaling({ ".rope.scaling.type": type("linear"), ".rope.scaling.factor": ["f32", 4] })).toEqual({
      rope_type: "linear",
      factor: 4,
    })
    expect(scaling({ ".rope.scaling.factor": ["f32", 2.5] })).toEqual({ rope_type: "linear", factor: 2.5 })
    expect(scaling({ ".rope.scale_linear": ["f32", 8] })).toEqual({ rope_type: "linear", factor: 8 })
  })

  it("none, and a factor of 1", () => {
    expect(scaling({})).toBeUndefined()
    expect(scaling({ ".rope.scaling.type": type("none"), ".rope.scaling.factor": ["f32", 4] })).toBeUndefined()
    expect(scaling({ ".rope.scaling.type": type("linear"), ".rope.scaling.factor": ["f32", 1] })).toBeUndefined()
  })

  it("YaRN, with its attention factor, or what llama.cpp multiplies it by", () => {
    const yarn = {
      ".rope.scaling.type": type("yarn"),
      ".rope.scaling.factor": ["f32", 4],
      ".rope.scaling.original_context_length": ["u32", 32],
    } as const
    const plain = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32 }
    expect(scaling(yarn)).toEqual(plain)
    expect(
      scaling({ ...yarn, ".rope.scaling.yarn_beta_fast": ["f32", 16], ".rope.scaling.attn_factor": ["f32", 2] }),
    ).toEqual({
      ...plain,
      beta_fast: 16,
      attention_factor: 2 * (0.1 * Math.log(4) + 1),
    })
    const attention = { ...yarn, ".rope.scaling.yarn_attn_factor": ["f32", 1.25] } as const
    expect(scaling(attention)).toEqual({ ...plain, attention_factor: 1.25 })
  })

  /** What llama.cpp's converter writes, step by step. */
  function factors(factor: number, original: number, theta: number, width: number): number[] {
    return Array.from({ length: width / 2 }, (_, i) => {
      const wavelength = 2 * Math.PI * theta ** ((2 * i) / width)
      if (wavelength < original / 4) return 1
      if (wavelength > original) return factor
      const smooth = (original / wavelength - 1) / 3
      return 1 / ((1 - smooth) / factor + smooth)
    })
  }

  it.each([
    [8, 8192, 5e5],
    [32, 8192, 5e5],
    [16, 64, 1e4],
  ])(
    "Llama 3 with factor %d, original length %d and base %d is found from its frequencies",
    (factor, original, theta) => {
      const width = 64
      const values = factors(factor, original, theta, width)
      expect(values.some((value) => value > 1 && value < factor)).toBe(true)
      const change = {
        metadata: {
          ".rope.freq_base": ["f32", theta],
          ".attention.key_length": ["u32", width],
          ".attention.value_length": ["u32", width],
        },
        tensors: [floats("rope_freqs.weight", [width / 2], values)],
      } as const
      expect(config("llama", { metadata: { ...change.metadata }, tensors: change.tensors }).rope_scaling).toEqual({
        rope_type: "llama3",
        factor,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: original,
      })
    },
  )

  it("frequencies that are not scaled, and those of no Llama 3", () => {
    const tensor = (values: number[]) => [floats("rope_freqs.weight", [values.length], values)]
    expect(scaling({}, tensor([1, 1]))).toBeUndefined()
    expect(() => scaling({}, tensor([1.5, 3]))).toThrow(/not those of Llama 3/)
    expect(() => scaling({}, tensor([1, 1, 1]))).toThrow(/shape \[3\]; heads of 4 need \[2\]/)
    expect(() => scaling({ ".rope.scaling.factor": ["f32", 2] }, tensor([1, 1]))).toThrow(/both/)
  })

  it("what is not known is named", () => {
    expect(() => scaling({ ".rope.scaling.type": type("longrope") })).toThrow(
      /is "longrope"; known are "none", "linear" and "yarn"/,
    )
    expect(() => scaling({ ".rope.scaling.factor": ["f32", -1] })).toThrow(/not above 0/)
    expect(() =>
      scaling({ ".rope.scaling.type": type("yarn"), ".rope.scaling.yarn_ext_factor": ["f32", 0.5] }),
    ).toThrow(/only 1 is supported/)
  })
})

describe("what is refused", () => {
  it("families that are not known", () => {
    expect(refusal("gemma3")).toMatch(/"gemma3" is not supported; supported are llama, qwen2, qwen3, smollm3/)
    expect(refusal("llama", { without: ["general.architecture"] })).toMatch(/is not named/)
    expect(refusal("llama", { metadata: { ".expert_count": ["u32", 8] } })).toMatch(/mixture of experts/)
  })

  it.each([
    [".embedding_length", undefined, /llama\.embedding_length is missing/],
    [".embedding_length", ["u32", 0], /is 0, not a size/],
    [".embedding_length", ["string", "8"], /is "8", not a number/],
    [".block_count", ["u32", 4_000_000_000], /the file has only 11 tensors/],
    [".attention.head_count", ["f32", 1.5], /is 1.5, not a size/],
    [
      ".attention.head_count",
      [
        "list",
        "i32",
        [
          ["i32", 2],
          ["i32", 4],
        ],
      ],
      /differs from layer to layer/,
    ],
    [".attention.head_count", ["list", "i32", []], /a list of 0, not a number/],
    [".attention.value_length", ["u32", 8], /is 8; only 4, the width of a head/],
    [".rope.dimension_count", ["u32", 2], /is 2; only 4/],
    [".attention.key_length", ["u32", 3], /have 3 values each/],
    [".attention.layer_norm_rms_epsilon", ["f32", Number.NaN], /not a number/],
    ["tokenizer.ggml.eos_token_id", ["u32", 6], /is 6; there are 6 tokens/],
  ] as [string, Typed | undefined, RegExp][])("%s as %j", (key, value, sentence) => {
    expect(refusal("llama", value ? { metadata: { [key]: value } } : { without: [key] })).toMatch(sentence)
  })

  it("a file without an embedding", () => {
    expect(refusal("llama", { without: ["token_embd.weight"] })).toMatch(/no tensor token_embd\.weight/)
    expect(refusal("llama", { tensors: [floats("token_embd.weight", [8])] })).toMatch(/is no matrix/)
  })
})
