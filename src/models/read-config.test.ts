/** Configurations of every layout, flat and nested, and every error a config.json can cause. */
import { describe, expect, it } from "vitest"
import * as translating from "../../test/support/as-diffusion.js"
import { smallConfig } from "../../test/support/small-checkpoint.js"
import { maskToken } from "../checkpoint/config.js"
import { UserError } from "../errors.js"
import type { ConfigFiles } from "./architecture.js"
import type { QwenVlConfig } from "./families/qwen2_5_vl-read.js"
import * as reading from "./read-config.js"
import { expectedTensors } from "./registry.js"

// All configurations here are of one family.
const normaliseConfig = (json: Record<string, unknown>, files?: ConfigFiles): QwenVlConfig =>
  reading.normaliseConfig(json, files) as QwenVlConfig
const readConfig = (folder: string): QwenVlConfig => reading.readConfig(folder) as QwenVlConfig
const asDiffusion = (...args: Parameters<typeof translating.asDiffusion>): QwenVlConfig =>
  translating.asDiffusion(...args) as QwenVlConfig

/** The published 3B and 7B configurations. The 3B one lists only some of the vision keys. */
const shared = {
  model_type: "qwen2_5_vl",
  bos_token_id: 151643,
  eos_token_id: 151645,
  image_token_id: 151655,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] },
  max_position_embeddings: 128000,
  use_sliding_window: false,
}
const qwen3b = {
  ...shared,
  hidden_size: 2048,
  intermediate_size: 11008,
  num_hidden_layers: 36,
  num_attention_heads: 16,
  num_key_value_heads: 2,
  vocab_size: 151936,
  tie_word_embeddings: true,
  vision_config: {
    hidden_size: 1280,
    in_chans: 3,
    out_hidden_size: 2048,
    spatial_patch_size: 14,
    tokens_per_second: 2,
  },
}
const qwen7b = {
  ...shared,
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  vocab_size: 152064,
  tie_word_embeddings: false,
  vision_config: { ...qwen3b.vision_config, depth: 32, intermediate_size: 3420, num_heads: 16, out_hidden_size: 3584 },
}

describe("published models", () => {
  it("3B: the missing vision keys are the library's defaults", () => {
    const config = normaliseConfig(qwen3b)
    expect(config.vision).toEqual({
      depth: 32,
      hiddenSize: 1280,
      heads: 16,
      intermediateSize: 3420,
      patchSize: 14,
      temporalPatchSize: 2,
      mergeSize: 2,
      windowSize: 112,
      fullAttentionBlocks: [7, 15, 23, 31],
      outHiddenSize: 2048,
      inChannels: 3,
      tokensPerSecond: 2,
      rmsNormEps: 1e-6,
    })
    expect(config.text).toMatchObject({
      headDim: 128,
      kvHeads: 2,
      tie: true,
      ropeTheta: 1e6,
      mropeSection: [16, 24, 24],
    })
    expect(maskToken(config)).toBe(151671)
    expect(config.image).toEqual({ minPixels: 3136, maxPixels: 12845056 })
  })

  it("tensor counts and shapes are those of the published files", () => {
    const small = expectedTensors(normaliseConfig(qwen3b))
    const large = expectedTensors(normaliseConfig(qwen7b))
    expect([small.size, large.size]).toEqual([824, 729])
    expect(small.has("lm_head.weight")).toBe(false)
    expect(large.get("lm_head.weight")).toEqual([152064, 3584])
    expect(large.get("model.layers.27.self_attn.k_proj.weight")).toEqual([512, 3584])
    expect(large.get("model.vision_tower.vision_tower.blocks.31.attn.qkv.weight")).toEqual([3840, 1280])
    expect(large.get("model.vision_tower.vision_tower.patch_embed.proj.weight")).toEqual([1280, 3, 2, 14, 14])
    expect(large.get("model.mm_projector.merger.mlp.2.weight")).toEqual([3584, 5120])
  })
})

describe("forms of config.json", () => {
  const nested = () => {
    const { vision_config, image_token_id, tie_word_embeddings, model_type, rope_theta, rope_scaling, ...text } =
      smallConfig()
    const rope_parameters = { ...(rope_scaling as object), rope_theta }
    return { model_type, vision_config, image_token_id, tie_word_embeddings, text_config: { ...text, rope_parameters } }
  }

  it("nested, as newer libraries save it, equals flat", () => {
    const { raw: _, tokens: __, ...flat } = normaliseConfig(smallConfig())
    expect(normaliseConfig(nested())).toMatchObject(flat)
  })

  it("text_config wins over the top level of a converted checkpoint", () => {
    const wrong = {
      hidden_size: 8192,
      num_hidden_layers: 80,
      rms_norm_eps: 1e-5,
      rope_scaling: null,
      vocab_size: 152064,
    }
    const { vision_config, ...text } = smallConfig()
    const json = {
      ...wrong,
      model_type: "diffusionvl_qwenvl",
      tie_word_embeddings: false,
      text_config: text,
      vision_config,
    }
    const config = normaliseConfig(json)
    expect(config.text).toEqual(normaliseConfig(smallConfig()).text)
    expect(config.text.tie).toBe(true)
    expect(
      normaliseConfig({ ...json, vision_config: undefined }, { visionConfig: vision_config as never }).vision,
    ).toEqual(config.vision)
  })

  it("image ids that became null are the usual ones", () => {
    expect(normaliseConfig(smallConfig({ image_token_id: null })).tokens.imagePad).toBe(151655)
  })

  it("image limits: the config's own, else the preprocessor's, else the library's; diffusion ignores the preprocessor", () => {
    const settings = (values: object) => ({ imageSettings: { values, file: "preprocessor_config.json", under: "" } })
    const limits = (json: object, files = {}) => normaliseConfig(smallConfig(json as never), files).image
    const own = settings({ min_pixels: 100, max_pixels: 200 })
    expect(limits({}, own)).toEqual({ minPixels: 100, maxPixels: 200 })
    expect(limits({}, settings({ size: { shortest_edge: 7, longest_edge: 9 } }))).toEqual({
      minPixels: 7,
      maxPixels: 9,
    })
    expect(limits({}, settings({}))).toEqual({ minPixels: 3136, maxPixels: 1003520 })
    expect(limits({})).toEqual({ minPixels: 3136, maxPixels: 12845056 })
    expect(limits({ min_pixels: 1, max_pixels: 2 }, own)).toEqual({ minPixels: 1, maxPixels: 2 })
    expect(limits({ model_type: "diffusionvl_qwenvl" }, own)).toEqual({ minPixels: 147456, maxPixels: 262144 })
  })

  it("the mask token: named, or the usual one where the vocabulary holds it, or an error that says how to name it", () => {
    expect(maskToken(normaliseConfig(smallConfig({ mask_token_id: 63 })))).toBe(63)
    expect(() => maskToken(normaliseConfig(smallConfig()))).toThrow(/no mask token among its 64 tokens/)
  })
})

describe("errors name the key or list what is supported", () => {
  const message = (json: Record<string, unknown>) => {
    try {
      normaliseConfig(json, { where: "config.json" })
    } catch (error) {
      expect(error).toBeInstanceOf(UserError)
      return (error as UserError).format()
    }
    throw new Error("nothing was thrown")
  }

  it.each([
    [{ model_type: "gpt2" }, /unknown model_type "gpt2"\n.*Supported are qwen2_5_vl/],
    [{ model_type: "toString" }, /unknown model_type "toString"/],
    [{ model_type: undefined }, /no model_type/],
    [{ model_type: "siglip" }, /this is a vision tower \(SigLIP, model_type "siglip"\), not a model that answers/],
    [{ model_type: "clip_vision_model" }, /this is a vision tower \(CLIP/],
    [{ hidden_size: undefined }, /hidden_size: /],
    [{ hidden_size: "16" }, /hidden_size: .*expected/],
    [{ num_hidden_layers: 1.5 }, /num_hidden_layers: /],
    [{ rope_scaling: { rope_type: "yarn" } }, /rope_scaling.rope_type: /],
    [{ rope_scaling: null }, /mrope_section is missing/],
    [{ rope_scaling: { mrope_section: [1, 1, 1] } }, /does not add up to half of head_dim 8/],
    [{ num_attention_heads: 3 }, /not a multiple of num_attention_heads 3/],
    [{ num_attention_heads: 2, num_key_value_heads: 4 }, /not a multiple of num_key_value_heads/],
    [{ use_sliding_window: true }, /use_sliding_window: /],
    [{ quantization_config: { bits: 4 } }, /quantised/],
    [{ vision_config: undefined }, /vision_config is missing/],
    [{ vision_config: { hidden_size: 8 } }, /vision_config.out_hidden_size: /],
    [{ vision_config: { hidden_size: 64, out_hidden_size: 32 } }, /out_hidden_size 32 is not the text hidden_size 16/],
    [
      { vision_config: { depth: 2, hidden_size: 64, out_hidden_size: 16 } },
      /fullatt_block_indexes \[7,15,23,31\] exceed depth 2/,
    ],
    [{ mask_token_id: 64 }, /mask_token_id 64 is outside the vocabulary of 64/],
    [{ min_pixels: 10, max_pixels: 5 }, /min_pixels 10 exceeds/],
    [{ min_pixels: 2 ** 30, max_pixels: 2 ** 30 }, /min_pixels must be at most 16777216/],
    [{ rms_norm_eps: 1e300 }, /rms_norm_eps: expected at most 0.1, found 1e\+300/],
    [{ rms_norm_eps: 0 }, /rms_norm_eps: expected at least 1e-20, found 0/],
    [{ rms_norm_eps: -1e-6 }, /rms_norm_eps: expected at least/],
    [{ rms_norm_eps: "1e-6" }, /rms_norm_eps: expected a number, found "1e-6"/],
    [{ rms_norm_eps: undefined }, /rms_norm_eps: is missing/],
    [{ rope_theta: 0 }, /rope_theta: expected at least 1, found 0/],
    [{ rope_theta: 1e300 }, /rope_theta: expected at most/],
    [{ attention_dropout: -1 }, /attention_dropout: expected at least 0/],
    [{ num_hidden_layers: 1e9 }, /num_hidden_layers: expected at most 1024, found 1000000000/],
    [{ num_attention_heads: 0 }, /num_attention_heads: expected at least 1/],
    [{ hidden_size: 2 ** 40 }, /hidden_size: expected at most/],
    [{ vocab_size: 2 ** 40 }, /vocab_size: expected at most/],
    [{ max_position_embeddings: 2 ** 40 }, /max_position_embeddings: expected at most/],
    [{ eos_token_id: "end" }, /eos_token_id: expected a number or a list, found "end"/],
    [
      { vision_config: { hidden_size: 8, out_hidden_size: 16, depth: 1e9 } },
      /vision_config.depth: expected at most 1024/,
    ],
    [
      { vision_config: { hidden_size: 8, out_hidden_size: 16, patch_size: 1e6 } },
      /vision_config.patch_size: expected at most/,
    ],
    [
      { vision_config: { hidden_size: 8, out_hidden_size: 16, in_chans: 4 } },
      /vision_config.in_chans: expected 3, found 4/,
    ],
    [{ vision_config: [] }, /vision_config: expected an object, found an empty list/],
    [
      { model_type: "diffusionvl_qwenvl", max_position_embeddings: 64, bd3lm_block_size: 100 },
      /bd3lm_block_size 100 exceeds max_position_embeddings 64/,
    ],
    [{ model_type: "diffusionvl_qwenvl", bd3lm_token_shift: "none" }, /bd3lm_token_shift: expected "same" or "next"/],
  ])("%j", (overrides, expected) => {
    const text = message(smallConfig(overrides as never))
    expect(text).toMatch(expected)
    expect(text).not.toMatch(/undefined|NaN|Invalid|\[object/)
  })

  it("a block beyond the positions is refused before anything is converted", () => {
    const config = normaliseConfig(smallConfig({ mask_token_id: 60 }))
    expect(() => asDiffusion(config, { record: { block_size: 1e9 } })).toThrow(
      /a block of 1000000000 tokens exceeds the model's \d+ positions/,
    )
  })

  it("says when there is no folder or no config.json", () => {
    expect(() => readConfig("/nonexistent/model")).toThrow(/no such folder/)
    expect(() => readConfig(import.meta.dirname)).toThrow(/no config.json/)
  })
})
