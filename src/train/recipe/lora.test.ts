/** Adapters: what a training of them leaves alone, writes, goes on from, and what is made of it. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { lossesOf, run } from "../../../test/support/run-training.js"
import { type SmallTextModel, writeSmallTextModel } from "../../../test/support/small-text-model.js"
import { type SmallData, smallTraining, writeSmallVlm } from "../../../test/support/small-vlm.js"
import { readHeader } from "../../checkpoint/safetensors/safetensors.js"
import { UserError } from "../../errors.js"
import { generateText } from "../../generate/generate.js"
import { loadSession } from "../../generate/session.js"
import { convert } from "../../paradigms/convert.js"
import { merge } from "../../paradigms/merge.js"
import { setThreads } from "../../torch/index.js"
import { finishedModel } from "../trainer.js"
import type { TrainingConfig } from "./config.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-lora-"))
let small: SmallData
let text: SmallTextModel
let outputs = 0
beforeAll(async () => {
  setThreads(1)
  small = await writeSmallVlm(folder)
  text = await writeSmallTextModel(join(folder, "text"))
})
afterAll(() => rmSync(folder, { recursive: true }))

type Keys = NonNullable<Parameters<typeof smallTraining>[2]>
const few = ({ train, ...keys }: Keys): Keys => ({ ...keys, train: { max_steps: 3, accumulate: 1, ...train } })
const recipe = (keys: Keys): TrainingConfig => smallTraining(small, join(folder, `run-${outputs++}`), few(keys))
const textRecipe = (keys: Keys): TrainingConfig =>
  smallTraining({ model: text.folder, data: text.data, recordCount: 2 }, join(folder, `run-${outputs++}`), few(keys))
const file = (config: TrainingConfig): string => join(finishedModel(config.output), "adapter_model.safetensors")
const namesIn = (config: TrainingConfig): string[] => [...readHeader(file(config)).tensors.keys()]
const settingsOf = (config: TrainingConfig) =>
  JSON.parse(readFileSync(join(finishedModel(config.output), "adapter_config.json"), "utf8"))

describe("a training of adapters", () => {
  const connector = { rank: 2, dropout: 0.5, target: ["q_proj", "qkv"], modules_to_save: ["merger.mlp.2"] }
  it.each([
    ["block diffusion", textRecipe, { paradigm: "block-diffusion", lora: { rank: 4, dropout: 0.3 } }, {}],
    [
      "a connector learned whole, layers computed again, bfloat16",
      recipe,
      { paradigm: "autoregressive", lora: connector },
      { gradient_checkpointing: true, accumulate: 2, dtype: "bfloat16" },
    ],
  ])("goes on bit for bit after an interruption: %s", async (_, recipeOf, what, train) => {
    const make = (): TrainingConfig => recipeOf({ ...what, train })
    const [whole, parts] = [make(), make()]
    await run(whole)
    const events = await run(parts, 1)
    expect(events.at(-1)).toMatchObject({ type: "interrupted", step: 1 })
    expect((await run(parts))[0]).toMatchObject({ type: "start", step: 1 })
    expect(lossesOf(whole).map(([step]) => step)).toEqual([0, 1, 2])
    expect(lossesOf(parts)).toEqual(lossesOf(whole))
    expect(readFileSync(file(parts)).equals(readFileSync(file(whole)))).toBe(true)
  })

  it("drops the same where layers are computed again, and otherwise with another seed", async () => {
    const make = (train: object): TrainingConfig =>
      textRecipe({ paradigm: "autoregressive", lora: { rank: 4, dropout: 0.4 }, train })
    const [kept, again] = [make({}), make({ gradient_checkpointing: true })]
    for (const config of [kept, again]) await run(config)
    for (const [i, [, loss]] of lossesOf(again).entries()) expect(loss).toBeCloseTo(lossesOf(kept)[i][1], 4)
    const plain = textRecipe({ paradigm: "autoregressive", lora: { rank: 4 } })
    await run(plain)
    expect(lossesOf(plain)[2][1]).not.toBeCloseTo(lossesOf(kept)[2][1], 4)
  })

  it("writes what it learned alone: the mask's row, its paradigm and the base it belongs to", async () => {
    const config = textRecipe({ paradigm: "block-diffusion", block_diffusion: { block_size: 4 }, lora: { rank: 2 } })
    await run(config)
    expect(readdirSync(finishedModel(config.output)).sort()).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "config.json",
    ])
    // Every row of the embedding is a token: the mask is a new one.
    expect(settingsOf(config)).toMatchObject({
      base_model_name_or_path: text.folder,
      r: 2,
      lora_alpha: 4,
      trainable_token_indices: { embed_tokens: [text.vocabulary] },
    })
    const names = namesIn(config)
    expect(names).toContain("base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta")
    expect(names.filter((name) => name.includes("lora_A"))).toHaveLength(14)
    const session = loadSession(finishedModel(config.output), { dtype: "float32", device: "cpu" })
    expect(session.config.paradigm).toMatchObject({ name: "block-diffusion", options: { block_size: 4 } })
    expect(session.config.tokens.mask).toBe(text.vocabulary)
    // The same answer as that of the merged model.
    const out = join(folder, "merged")
    await merge(finishedModel(config.output), out)
    const merged = loadSession(out, { dtype: "float32", device: "cpu" })
    expect(merged.config.paradigm).toEqual(session.config.paradigm)
    const request = { messages: [{ role: "user" as const, content: "Say hello." }], maxTokens: 8 }
    expect((await generateText(merged, request)).text).toBe((await generateText(session, request)).text)
  })

  it("is limited to the parts that are trained, and says so in names that PEFT understands", async () => {
    const config = recipe({
      paradigm: "autoregressive",
      lora: { rank: 2 },
      train: { tunable: ["language"], max_steps: 1 },
    })
    await run(config)
    expect(namesIn(config).every((name) => name.startsWith("base_model.model.model.language_model.layers."))).toBe(true)
    expect(namesIn(config).length).toBeGreaterThan(20)
    // gate_proj and others are layers of the tower too, so that their last words alone would mean more.
    const { target_modules: targets } = settingsOf(config)
    expect(targets).toContain("model.language_model.layers.1.mlp.gate_proj")
    expect(settingsOf(config).trainable_token_indices).toBeUndefined()
  })

  it.each([
    [{ target: ["no_such_proj"] }, /no linear layer .* is meant by no_such_proj/],
    [{ target: ["norm"] }, /model\.norm cannot have an adapter: it is no linear layer/],
    [{ target: ["q_proj", "v_porj"] }, /target "v_porj" means no module of the model/],
    [{ exclude: ["q_proj", "nothing"] }, /exclude "nothing" means no module of the model/],
    [{ exclude: ".*nothing" }, /exclude "\.\*nothing" means no module/],
    [{ rank_pattern: { nope: 3 } }, /rank_pattern "nope" means no module of the model that has an adapter/],
    [{ target: ["q_proj"], alpha_pattern: { v_proj: 3 } }, /alpha_pattern "v_proj" means no module/],
    [{ modules_to_save: ["connector"] }, /has no module connector/],
    [{ target: "(" }, /no regular expression/],
  ])("refuses %j before it writes", async (lora, message) => {
    const config = textRecipe({ paradigm: "autoregressive", lora })
    await expect(run(config)).rejects.toThrow(message)
    expect(existsSync(config.output)).toBe(false)
  })

  it("does not start from an adapter, nor is one converted or a model merged", async () => {
    const config = textRecipe({ paradigm: "autoregressive", lora: { rank: 2 }, train: { max_steps: 1 } })
    await run(config)
    const adapter = finishedModel(config.output)
    await expect(run({ ...textRecipe({}), model: adapter })).rejects.toThrow(/a training starts from a whole model/)
    const out = join(folder, "nothing")
    await expect(convert(adapter, out)).rejects.toThrow(/it is an adapter/)
    await expect(merge(text.folder, out)).rejects.toThrow(/nothing to merge/)
    await expect(merge(adapter, out, { base: small.model })).rejects.toThrow(UserError)
    expect(existsSync(out)).toBe(false)
  })
})
