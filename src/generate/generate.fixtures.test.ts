/** From a model folder, a question and picture files to the reference's answers, on the golden files when they are at hand. */

import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { goldenJson, goldenModelFolder, goldenPath, needsGolden } from "../../test/support/golden.js"
import { normaliseGeneration, readGenerationConfig } from "../checkpoint/generation-config.js"
import type { Json } from "../checkpoint/json.js"
import { imageProcessorOf } from "../models/vision/images.js"
import { IMAGE, type Message, type Part } from "../text/conversation.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { setThreads } from "../torch/index.js"
import { decode, generateText } from "./generate.js"
import { preparePrompt } from "./prepare.js"
import { openModel, type Session } from "./session.js"

const LIMITS = { minPixels: 12544, maxPixels: 50176 }

const open = (name: string): Promise<Session> => openModel(goldenModelFolder(name), { dtype: "float32", device: "cpu" })
const pictures = (names: string[]): string[] => names.map((name) => goldenPath("images", name))

/** A user message of the authors' form, "<image>" where an image stands. */
function asked(text: string): Message[] {
  const content = text.split(/(<image>)/).flatMap((piece): Part[] => {
    if (piece === "<image>") return [{ type: "image" }]
    return piece === "" ? [] : [{ type: "text", text: piece }]
  })
  return [{ role: "user", content }]
}

needsGolden.describe("golden answers", () => {
  it("of the block-diffusion model", async () => {
    setThreads(1)
    // The golden model has part of a tokenizer only.
    const tokenizer = Tokenizer.load(goldenModelFolder("tiny-qwen2_5_vl"))
    const session = { ...(await open("tiny-dvl-qwenvl")), tokenizer }
    const { prompts, cases } = goldenJson("decode", "dvl_qwenvl.json")
    let compared = 0
    for (const { id, text, images, input_ids, P } of prompts) {
      const messages = asked(text)
      const { ids } = await preparePrompt(session, messages, pictures(images))
      expect(ids.length).toBe(P)
      const slots = ids.filter((token, i) => token !== IMAGE || ids[i - 1] !== IMAGE)
      if (images.length < 2) expect([...slots]).toEqual(input_ids)
      // One case of each prompt, with all of the authors' defaults.
      const one = cases.find(
        (other: { prompt: number; block_size: number; steps: number; confidence_threshold: number | null }) =>
          other.prompt === id && other.block_size === 8 && other.steps === 8 && other.confidence_threshold === null,
      )
      if (!one) continue
      compared++
      const options = { messages, images: pictures(images), maxTokens: one.gen_length, blockSize: 8 }
      const answer = await generateText(session, options)
      expect([...answer.ids], one.id).toEqual(one.returned_ids.slice(0, one.first_eos_index ?? undefined))
      expect(answer.text).toBe(session.tokenizer.decode(answer.ids))
    }
    expect(compared).toBeGreaterThan(1)
  })

  it("of the autoregressive model", async () => {
    const opened = await open("tiny-qwen2_5_vl")
    // The golden pictures are this small, whatever the preprocessor file says.
    const session = { ...opened, images: imageProcessorOf(opened.config, opened.folder, LIMITS) }
    const { cases } = goldenJson("decode", "ar_greedy.json")
    const own = cases.filter(({ model }: { model: string }) => model === "tiny-qwen2_5_vl")
    expect(own.length).toBeGreaterThan(1)
    for (const one of own) {
      const content: Part[] = [...one.images.map((): Part => ({ type: "image" })), { type: "text", text: one.text }]
      const options = { images: pictures(one.images), maxTokens: one.max_new_tokens }
      const { ids } = await generateText(session, { ...options, messages: [{ role: "user", content }] })
      expect([...ids], one.id).toEqual(one.new_ids)
    }
  })

  it("count the rows of a picture as its token when tokens are penalised, as transformers does", async () => {
    const opened = await open("tiny-qwen2_5_vl")
    const session = { ...opened, images: imageProcessorOf(opened.config, opened.folder, LIMITS) }
    const one = goldenJson("decode", "ar_greedy.json").cases.find(({ id }: { id: string }) => id === "ar.vl1")
    const content: Part[] = [{ type: "image" }, { type: "text", text: one.text }]
    const options = { images: pictures(one.images), maxTokens: 24, repetitionPenalty: 1.2 }
    const { ids } = await generateText(session, { ...options, messages: [{ role: "user", content }] })
    const penalised = [99446, 120085, 120085, 62152, 62152, 62152, 62152, 62152]
    expect([...ids]).toEqual([...penalised, ...new Array(16).fill(148101)])
  })

  it("are those of transformers' generate() with a generation_config.json", async () => {
    const opened = await open("tiny-qwen2_5_vl")
    const file = new URL("../../test/fixtures/generation/generate.json", import.meta.url)
    const golden: { prompt: number[]; cases: { name: string; generation?: Json; config?: Json; new_ids: number[] }[] } =
      JSON.parse(readFileSync(file, "utf8"))
    expect(golden.cases.length).toBeGreaterThan(15)
    for (const { name, generation, config, new_ids } of golden.cases) {
      const wanted = generation
        ? normaliseGeneration(generation, "generation_config.json")
        : readGenerationConfig(import.meta.dirname, { ...opened.config.raw, ...config })
      const eos = [wanted.values.eos_token_id ?? opened.eos].flat()
      const session: Session = { ...opened, generation: wanted, eos }
      let ids: number[] = []
      for await (const event of decode(session, { ids: Int32Array.from(golden.prompt) }))
        if (event.type === "done") ids = [...event.ids]
      expect(ids, name).toEqual(new_ids)
    }
  })
})
