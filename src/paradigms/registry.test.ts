import { describe, expect, it } from "vitest"
import { SMALL_FAMILIES } from "../../test/support/small-families.js"
import { normaliseConfig } from "../models/read-config.js"
import { blockDiffusion } from "./block-diffusion/paradigm.js"
import { paradigmNamed, paradigmOf, paradigms, registerParadigm } from "./registry.js"

const recorded = (record: object) => normaliseConfig({ ...SMALL_FAMILIES.llama, diffusionvl: record })

describe("the paradigms", () => {
  it("are found by name, and by what a model records", () => {
    expect(paradigms().length).toBeGreaterThan(1)
    for (const paradigm of paradigms()) expect(paradigmNamed(paradigm.name)).toBe(paradigm)
    expect(paradigmOf(normaliseConfig(SMALL_FAMILIES.llama)).name).toBe("autoregressive")
    expect(paradigmOf(recorded({ paradigm: "block-diffusion", block_size: 4 }))).toBe(blockDiffusion)
    expect(() => registerParadigm(blockDiffusion)).toThrow(/there is a paradigm block-diffusion already/)
  })

  it.each([
    [{ paradigm: "telepathy" }, /there is no paradigm "telepathy"/],
    [{ paradigm: "block-diffusion", block_size: 0 }, /diffusionvl.block_size: expected at least 1, found 0/],
    [{ paradigm: "block-diffusion", block_size: 100_000 }, /a block of 100000 tokens exceeds the model's 64 positions/],
    [{ paradigm: "block-diffusion", shift: "left" }, /diffusionvl.shift/],
    [{ paradigm: "block-diffusion", noise: "linear" }, /diffusionvl.noise: expected "ordered" or/],
    [{ paradigm: "block-diffusion", weight: 3 }, /diffusionvl.weight: expected "1\/t" or "one", found 3/],
    [{ paradigm: "block-diffusion", copies: -1 }, /diffusionvl.copies: expected at least 1/],
    [{ paradigm: "block-diffusion", learn: "all" }, /diffusionvl.learn: expected "authors" or "answers"/],
    [{ paradigm: "block-diffusion", sampling_eps_min: 0.9, sampling_eps_max: 0.1 }, /sampling_eps_min 0.9 is above/],
    [{ paradigm: "full-diffusion", turns: "maybe" }, /diffusionvl.turns: expected true or false/],
    [{ paradigm: "full-diffusion", learn: "all" }, /diffusionvl.learn: expected "authors" or "answers"/],
    [{ paradigm: "full-diffusion", noise_range: [0.9, 0.1] }, /noise_range: expected .*the second number/],
  ])("a record that cannot be right is an error: %j", (record, message) => {
    expect(() => paradigmOf(recorded(record))).toThrow(message)
  })

  it("record what a training chose", () => {
    const { recipe, record } = blockDiffusion
    expect(record(recipe.parse({ noise: "uniform", noise_range: [0.1, 0.9], block_size: 16, weight: "one" }))).toEqual({
      enabled: true,
      block_size: 16,
      block_aligned_eos: true,
      antithetic_sampling: false,
      sampling_eps_min: 0.1,
      sampling_eps_max: 0.9,
      weight: "one",
    })
    expect(record()).toEqual(record(recipe.parse({})))
    expect(record({ noise: "shuffled", copies: 3, learn: "answers" })).toMatchObject({
      antithetic_sampling: true,
      noise: "shuffled",
      copies: 3,
      learn: "answers",
    })
  })
})
