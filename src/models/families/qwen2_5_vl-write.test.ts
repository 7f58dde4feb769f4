/** Configurations of Qwen2.5-VL written in each of its forms, and read back. */
import fs from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import * as translating from "../../../test/support/as-diffusion.js"
import { goldenPath, needsGolden } from "../../../test/support/golden.js"
import { smallConfig } from "../../../test/support/small-checkpoint.js"
import * as reading from "../read-config.js"
import type { QwenVlConfig } from "./qwen2_5_vl-read.js"
import { toConvertedConfig, toQwenConfig, toReleasedConfig } from "./qwen2_5_vl-write.js"

const normaliseConfig = (json: Record<string, unknown>): QwenVlConfig => reading.normaliseConfig(json) as QwenVlConfig
const readConfig = (folder: string): QwenVlConfig => reading.readConfig(folder) as QwenVlConfig

describe("writing", () => {
  const diffusion = translating.asDiffusion(normaliseConfig(smallConfig({ mask_token_id: 60 })), {
    record: { block_size: 4, shift: "next" },
    image: { minPixels: 3136, maxPixels: 12544 },
  }) as QwenVlConfig
  const throughJson = (value: unknown) => JSON.parse(JSON.stringify(value))
  const withoutRaw = ({ raw: _, ...config }: ReturnType<typeof normaliseConfig>) => config

  it("released: read back it is the same configuration", () => {
    const json = throughJson(toReleasedConfig(diffusion, "bfloat16"))
    expect(withoutRaw(normaliseConfig(json))).toEqual(withoutRaw(diffusion))
    expect(json).toMatchObject({
      architectures: ["DiffusionVLQwenVLForCausalLM"],
      enable_bd3lm: true,
      mm_hidden_size: 8,
    })
    expect(throughJson(toReleasedConfig(normaliseConfig(json), "bfloat16"))).toEqual(json)
  })

  it("published: read back it is the same configuration", () => {
    const config = normaliseConfig(smallConfig({ mask_token_id: 60, min_pixels: 784, max_pixels: 3136 }))
    expect(withoutRaw(normaliseConfig(throughJson(toQwenConfig(config, "float32"))))).toEqual(withoutRaw(config))
  })

  it("converted: read back it has the same sizes and tokens", () => {
    const back = normaliseConfig(throughJson(toConvertedConfig(diffusion)))
    expect([back.text, back.vision, back.tokens]).toEqual([diffusion.text, diffusion.vision, diffusion.tokens])
    expect(back.paradigm.options).toMatchObject({ enabled: false, block_size: 4 })
  })
})

const models = goldenPath("models")
needsGolden.describe("reference checkpoints", () => {
  const json = (folder: string) => JSON.parse(fs.readFileSync(path.join(models, folder, "config.json"), "utf8"))

  it("the trained one has the sizes of the one it was made from, and its own image limits", () => {
    const trained = readConfig(path.join(models, "tiny-dvl-qwenvl"))
    const source = readConfig(path.join(models, "tiny-qwen2_5_vl"))
    expect([trained.text, trained.vision]).toEqual([source.text, source.vision])
    expect(trained.image).toEqual({ minPixels: 12544, maxPixels: 50176 })
    expect(trained.paradigm).toMatchObject({
      name: "block-diffusion",
      options: { enabled: true, block_size: 8, sampling_eps_min: 0.001 },
    })
  })

  it("writing the trained configuration again keeps every one of its keys", () => {
    const original = json("tiny-dvl-qwenvl")
    const again = JSON.parse(
      JSON.stringify(toReleasedConfig(readConfig(path.join(models, "tiny-dvl-qwenvl")), "bfloat16")),
    )
    delete again.mask_token_id
    delete again.torch_dtype
    // What the library leaves in sub-configs, not part of the layout.
    delete original.text_config.dtype
    delete original.vision_config.dtype
    original.vision_config.model_type = "qwen2_5_vl"
    expect(again).toEqual(original)
  })

  it("a tower alone is recognised, and the authors' model with it", () => {
    expect(() => readConfig(path.join(models, "tiny-siglip"))).toThrow(/this is a vision tower \(SigLIP/)
    expect(readConfig(path.join(models, "tiny-dvl-qwen"))).toMatchObject({
      family: "llava_qwen",
      chat: "qwen_2_5",
      paradigm: { name: "block-diffusion", options: { block_size: 8 } },
      tokens: { eos: [151645], mask: 151671 },
    })
  })
})
