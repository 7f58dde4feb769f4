/** From a model folder, a question and picture files to the reference's answers, on the golden files when they are at hand. */

import { describe, expect, it } from "vitest"
import { goldenJson, goldenModelFolder, goldenPath, goldenPresent } from "../../test/support/golden.js"
import { IMAGE, type Message, type Part } from "../text/conversation.js"
import { Tokenizer } from "../text/tokenizer.js"
import { setThreads } from "../torch/index.js"
import { generateText } from "./generate.js"
import { preparePrompt } from "./prepare.js"
import { openModel, type Session } from "./session.js"

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

describe.skipIf(!goldenPresent)("golden answers", () => {
  it("of the block-diffusion model", async () => {
    setThreads(1)
    // The golden model has part of a tokenizer only.
    const tokenizer = Tokenizer.load(goldenModelFolder("tiny-qwen2_5_vl"))
    const session = { ...(await open("tiny-dvl-qwenvl")), tokenizer }
    const { prompts, cases } = goldenJson("decode", "dvl_qwenvl.json")
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
      const options = { messages, images: pictures(images), maxTokens: one.gen_length, blockSize: 8 }
      const answer = await generateText(session, options)
      expect([...answer.ids], one.id).toEqual(one.returned_ids.slice(0, one.first_eos_index ?? undefined))
      expect(answer.text).toBe(session.tokenizer.decode(answer.ids))
    }
  })

  it("of the autoregressive model", async () => {
    const opened = await open("tiny-qwen2_5_vl")
    // The golden pictures are this small, whatever the preprocessor file says.
    const session = { ...opened, imageOptions: { ...opened.imageOptions, minPixels: 12544, maxPixels: 50176 } }
    const { cases } = goldenJson("decode", "ar_greedy.json")
    for (const one of cases.filter(({ model }: { model: string }) => model === "tiny-qwen2_5_vl")) {
      const content: Part[] = [...one.images.map((): Part => ({ type: "image" })), { type: "text", text: one.text }]
      const options = { images: pictures(one.images), maxTokens: one.max_new_tokens }
      const { ids } = await generateText(session, { ...options, messages: [{ role: "user", content }] })
      expect([...ids], one.id).toEqual(one.new_ids)
    }
  })
})
