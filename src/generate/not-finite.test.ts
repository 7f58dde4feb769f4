/** Models whose numbers are not finite: an error that names the cause, however they are asked. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { writeSmallAnswerers } from "../../test/support/small-answerers.js"
import { writeJson } from "../checkpoint/files.js"
import { imagePrompt, type Message } from "../text/conversation.js"
import { setThreads, type Tensor } from "../torch/index.js"
import { type GenerateOptions, generateText } from "./generate.js"
import { preparePrompt } from "./prepare.js"
import { scoreAnswers } from "./score.js"
import { loadSession, type Session } from "./session.js"

const root = mkdtempSync(join(tmpdir(), "not-finite-"))
beforeAll(() => setThreads(1))
afterAll(() => rmSync(root, { recursive: true }))

const messages: Message[] = [{ role: "user", content: "What is it?" }]
const shown: Message[] = [{ role: "user", content: imagePrompt(1, "What is it?") }]
const picture = { width: 60, height: 40, data: new Uint8Array(60 * 40 * 3).fill(90) }

async function sessions(name: string, change: (weights: Map<string, Tensor>) => void, dtype: "float32" | "float16") {
  const folders = await writeSmallAnswerers(join(root, name), change)
  const device = "cpu"
  return [
    loadSession(folders.autoregressive, { dtype, device }),
    loadSession(folders["block-diffusion"], { dtype, device }),
  ]
}
const spoil = (name: string, value: number) => (weights: Map<string, Tensor>) => {
  weights.get(name)?.flatten().narrow(0, 3, 1).fill_(value)
}
const asked = (session: Session, options: Partial<GenerateOptions> = {}) =>
  expect(generateText(session, { messages, maxTokens: 6, ...options })).rejects

/** Greedily, drawn, with rules that leave few tokens, and scored: every way names the same cause. */
async function askedInEveryWay(session: Session, named: RegExp) {
  const own: Partial<GenerateOptions>[] =
    session.paradigm.name === "autoregressive"
      ? [{ repetitionPenalty: 1.3 }, { temperature: 0.7, minP: 0.1, typicalP: 0.3 }, { temperature: 0.7, topH: 0.01 }]
      : [{ shift: "next" }, { shift: "next", temperature: 0.7 }, { threshold: 0.5, temperature: 1e6 }]
  const drawn = [{ temperature: 0.7 }, { temperature: 0.7, topP: 0.5, topK: 3 }, { temperature: 1, topP: 1e-4 }]
  for (const options of [{}, ...drawn, ...own]) await asked(session, options).toThrow(named)
  const prompt = await preparePrompt(session, messages)
  await expect(scoreAnswers(session, prompt, ["It", "is"])).rejects.toThrow(named)
}

describe("numbers that are not finite", () => {
  it("weights so large that all logits vanish: names the largest", async () => {
    const named = /logits are all the same.*the largest is 1.00e\+30 in model.layers.1.mlp.down_proj/
    for (const session of await sessions("vanished", spoil("model.layers.1.mlp.down_proj.weight", 1e30), "float32"))
      await askedInEveryWay(session, named)
  })

  it("a head whose rows are all the same", async () => {
    const same = (weights: Map<string, Tensor>) => {
      weights.get("lm_head.weight")?.fill_(0.5)
    }
    for (const session of await sessions("same", same, "float32"))
      await askedInEveryWay(session, /logits are all the same/)
  })

  it("numbers beyond float32 in the head", async () => {
    const huge = (weights: Map<string, Tensor>) => {
      weights.get("lm_head.weight")?.mul_(1e38)
    }
    for (const session of await sessions("beyond", huge, "float32"))
      await askedInEveryWay(session, /logits are not finite, though all weights are finite, the largest is .*lm_head/)
  })

  it.each([
    ["NaN in the head", "lm_head.weight", Number.NaN],
    // One of them makes logits of minus infinity only, which no softmax shows.
    ["infinity in the head", "lm_head.weight", Number.POSITIVE_INFINITY],
    ["minus infinity in the head", "lm_head.weight", Number.NEGATIVE_INFINITY],
    ["infinity in a layer", "model.layers.1.mlp.down_proj.weight", Number.POSITIVE_INFINITY],
    ["NaN in a norm", "model.norm.weight", Number.NaN],
  ])("%s: names the weight, in every way of asking", async (name, weight, value) => {
    const named = new RegExp(`1 of its \\d+ weights hold numbers that are not finite: ${weight.replaceAll(".", "\\.")}`)
    for (const session of await sessions(name, spoil(weight, value), "float32")) {
      await askedInEveryWay(session, named)
    }
  })

  it("in the vision tower matter when there is a picture", async () => {
    const weight = "model.vision_tower.vision_tower.blocks.0.norm1.weight"
    for (const session of await sessions("vision", spoil(weight, Number.NaN), "float32")) {
      await asked(session, { messages: shown, images: [picture] }).toThrow(weight)
      expect((await generateText(session, { messages, maxTokens: 2 })).ids.length).toBeLessThanOrEqual(2)
    }
  })

  it("of an overflow in float16 the type is named", async () => {
    const large = (weights: Map<string, Tensor>) => {
      weights.get("lm_head.weight")?.mul_(3e4)
    }
    const [half] = await sessions("large", large, "float16")
    await asked(half).toThrow("overflow in float16")
    const [single] = await sessions("large", large, "float32")
    expect((await generateText(single, { messages, maxTokens: 2 })).ids.length).toBeLessThanOrEqual(2)
  })

  it("without a weight to blame it says how large they are", async () => {
    const huge = (weights: Map<string, Tensor>) => {
      weights.get("model.layers.0.mlp.up_proj.weight")?.mul_(1e38)
    }
    const [session] = await sessions("huge", huge, "float32")
    await asked(session).toThrow(
      /all weights are finite, the largest is .*e\+38 in model\.layers\.0\.mlp\.up_proj\.weight/,
    )
  })

  it("rules that leave no token are told from numbers that are none", async () => {
    const folders = await writeSmallAnswerers(join(root, "rules"))
    const vocabulary = loadSession(folders.autoregressive).config.text.vocabSize
    const suppress_tokens = Array.from({ length: vocabulary }, (_, id) => id)
    await writeJson(join(folders.autoregressive, "generation_config.json"), { suppress_tokens })
    const session = loadSession(folders.autoregressive, { dtype: "float32", device: "cpu" })
    await asked(session).toThrow("rule every token out")
    expect((await generateText(session, { messages, maxTokens: 2, generationConfig: false })).ids.length).toBe(2)
  })
})
