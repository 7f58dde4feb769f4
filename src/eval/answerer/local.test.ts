/** A model of this program as an answerer: in every paradigm the answers and likelihoods that asking it directly gives. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { writeLettersModel } from "../../../test/support/letters-model.js"
import { writeSmallVlm } from "../../../test/support/small-vlm.js"
import { decode, generateText } from "../../generate/generate.js"
import { preparePrompt } from "../../generate/prepare.js"
import { scoreAnswers } from "../../generate/score.js"
import { loadSession, type Session } from "../../generate/session.js"
import { decodeImage } from "../../image/decode.js"
import { convert } from "../../paradigms/convert.js"
import type { DecodeDone } from "../../paradigms/decode-events.js"
import { paradigms } from "../../paradigms/registry.js"
import { plainPrompt } from "../../text/formats/plain-format.js"
import { imagePrompt, type Message } from "../../text/message.js"
import { noGrad } from "../../torch/index.js"
import { generationOf } from "../run/generation.js"
import type { Asked } from "../task/task.js"
import type { Reply } from "./answerer.js"
import { LocalAnswerer } from "./local.js"

const root = mkdtempSync(join(tmpdir(), "answerer-"))
const sessions = new Map<string, Session>()
let seeing: Session
beforeAll(async () => {
  const letters = join(root, "letters")
  await writeLettersModel(letters)
  for (const { name } of paradigms()) {
    const folder = join(root, name)
    await convert(letters, folder, { paradigm: name, ...(name === "block-diffusion" && { record: { block_size: 4 } }) })
    sessions.set(name, loadSession(folder, { dtype: "float32", device: "cpu" }))
  }
  seeing = loadSession((await writeSmallVlm(root)).model, { dtype: "float32", device: "cpu" })
})
afterAll(() => rmSync(root, { recursive: true }))

const answererOf = (session: Session, compat = false): LocalAnswerer =>
  new LocalAnswerer(session, { record: { name: session.name, fingerprint: "" }, compat })
const text = (context: string, more: Partial<Asked> = {}): Asked => ({ context, pictures: [], ...more })
const user = (content: Message["content"]): Message[] => [{ role: "user", content }]
const decoding = { maxTokens: 8, temperature: 0 }

describe.each(paradigms().map(({ name }) => name))("%s", (name) => {
  it("answers as when it is asked directly, several at a time", async () => {
    const session = sessions.get(name)!
    const answerer = answererOf(session)
    const questions = ["1 and 2?", "a long question about nothing", "why"]
    const replies = (await Promise.all(questions.map((each) => answerer.answer(text(each), { decoding })))) as Reply[]
    for (const [i, question] of questions.entries()) {
      const { text, ids, stats } = await generateText(session, { messages: user(question), ...decoding })
      const ended = ids.length < decoding.maxTokens
      expect(replies[i]).toEqual({
        raw: text,
        tokens: ids.length + Number(ended),
        forwards: stats.forwardsToEnd,
        ended,
      })
    }
    expect(answerer.reuse()).toMatchObject({ pictures: 0, promptTokens: expect.any(Number) })
  })

  it("as in the authors' program keeps what stands behind the end, in the same block", async () => {
    const session = sessions.get(name)!
    const { decoding } = generationOf(
      { generation: {} },
      { compat: true, options: { maxTokens: 8 }, paradigm: session.paradigm },
    )
    const prompt = await preparePrompt(session, user("1 and 2?"))
    let done: DecodeDone | undefined
    for await (const event of decode(session, prompt, decoding)) if (event.type === "done") done = event
    const ids = done!.ids.filter((id) => id !== session.config.tokens.mask)
    const { raw } = (await answererOf(session, true).answer(text("1 and 2?"), { decoding })) as Reply
    expect(raw).toBe(session.tokenizer.decode(ids))
  })

  it("tells how likely choices are: whole answers of a chat, beginnings of what continues a text", async () => {
    const session = sessions.get(name)!
    const choices = [" yes", " no, never", " é"]
    const { likelihoods } = (await answererOf(session).answer(text("is it?", { choices }), { decoding })) as Reply
    const prompt = await preparePrompt(session, user("is it?"))
    const whole = await scoreAnswers(session, prompt, ["yes", "no, never", "é"], { sameLength: true })
    const near = (value: number): number => expect.closeTo(value, 4)
    expect(likelihoods).toEqual(
      whole.map(({ logLikelihood, tokens }, i) => ({
        logLikelihood: near(logLikelihood),
        tokens,
        bytes: [4, 10, 3][i],
      })),
    )
    const continued = (await answererOf(session).answer(text("It is", { choices, plain: true }), { decoding })) as Reply
    const plain = { ids: plainPrompt("It is", session.tokenizer) }
    const expected = await scoreAnswers(session, plain, choices, { end: false, sameLength: true })
    expect(continued.likelihoods!.map(({ logLikelihood }) => logLikelihood)).toEqual(
      expected.map(({ logLikelihood }) => near(logLikelihood)),
    )
    expect(continued.likelihoods![0].tokens).toBe(likelihoods![0].tokens)
    const best = expected.reduce(
      (best, { logLikelihood }, i) => (logLikelihood > expected[best].logLikelihood ? i : best),
      0,
    )
    expect(continued.raw).toBe(choices[best])
  })

  it("says of a document what is wrong with it, and of the model what is wrong with that", async () => {
    const session = sessions.get(name)!
    const answerer = answererOf(session)
    expect(await answerer.answer(text("long ".repeat(400)), { decoding })).toEqual({
      failed: expect.stringMatching(/tokens/),
    })
    const choices = [" yes", " no"]
    const likely = [text("long ".repeat(400), { choices }), text("long ".repeat(400), { choices, plain: true })]
    for (const asked of likely)
      expect(await answerer.answer(asked, { decoding })).toEqual({
        failed: expect.stringMatching(/^the prompt (has|of) \d+ tokens.* the model's \d+/),
      })
    const picture = { bytes: Uint8Array.of(1, 2, 3), name: "cat.png" }
    expect(await answerer.answer({ context: "what?", pictures: [picture] }, { decoding })).toEqual({
      failed: expect.stringMatching(/^cat\.png: /),
    })
    expect(await answerer.answer(text("<image> <image>?", { pictures: [] }), { decoding })).toHaveProperty("raw")
    const controller = new AbortController()
    controller.abort(new Error("enough"))
    await expect(answerer.answer(text("why"), { decoding, signal: controller.signal })).rejects.toThrow("enough")
  })
})

it("cuts long prompts where the configuration says, as the authors' models do, and as nobody else", async () => {
  const own = sessions.get("block-diffusion")!
  const withLimit = (limit: number): Session => ({
    ...own,
    config: { ...own.config, raw: { ...own.config.raw, tokenizer_model_max_length: limit } },
  })
  const question = "a long question about nothing"
  const prompt = await preparePrompt(own, user(question))
  for (const rows of [11, 12, prompt.ids.length - 1, prompt.ids.length]) {
    let done: DecodeDone | undefined
    const cut = { ids: prompt.ids.slice(0, rows) }
    for await (const event of decode(own, cut, decoding)) if (event.type === "done") done = event
    const { raw } = (await answererOf(withLimit(rows), true).answer(text(question), { decoding })) as Reply
    expect(raw).toBe(own.tokenizer.decode(done!.ids.filter((id) => id !== own.config.tokens.mask)))
  }
  const long = text("long ".repeat(400))
  expect(await answererOf(withLimit(16), true).answer(long, { decoding })).toHaveProperty("raw")
  expect(await answererOf(withLimit(16)).answer(long, { decoding })).toHaveProperty("failed")
  expect(await answererOf(own, true).answer(long, { decoding })).toHaveProperty("failed")
})

describe("pictures", () => {
  const file = (orientation: number): Promise<Buffer> => {
    const noise = Uint8Array.from({ length: 90 * 60 * 3 }, (_, i) => (i * 7919) % 251)
    return sharp(noise, { raw: { width: 90, height: 60, channels: 3 } })
      .withMetadata({ orientation })
      .png()
      .toBuffer()
  }

  it("are upright as datasets give them, or as they lie in the file; the second question about one is quick", async () => {
    const bytes = new Uint8Array(await file(6))
    const answerer = answererOf(seeing)
    const raws: string[] = []
    for (const upright of [undefined, false]) {
      const picture = { bytes, name: "it", ...(upright === false && { upright }) }
      const reply = (await answerer.answer({ context: "What?", pictures: [picture] }, { decoding })) as Reply
      const image = await decodeImage(bytes, { upright: upright ?? true })
      const direct = await generateText(seeing, {
        messages: user(imagePrompt(1, "What?")),
        images: [image],
        ...decoding,
      })
      expect(reply.raw).toBe(direct.text)
      raws.push(reply.raw)
    }
    await answerer.answer({ context: "What is it?", pictures: [{ bytes, name: "it" }] }, { decoding })
    expect(answerer.reuse()).toMatchObject({ pictures: 5, reusedPictures: 3 })
  })

  it("stand where the text has places for them", async () => {
    const pictures = [1, 3].map((orientation) => ({ orientation, name: `turned ${orientation}` }))
    const files = await Promise.all(pictures.map(({ orientation }) => file(orientation)))
    const docs = pictures.map(({ name }, i) => ({ name, bytes: new Uint8Array(files[i]) }))
    const images = await Promise.all(docs.map(({ bytes }) => decodeImage(bytes, { upright: true })))
    const answered = async (context: string) =>
      ((await answererOf(seeing).answer({ context, pictures: docs }, { decoding })) as Reply).raw
    const direct = async (content: Message["content"], images: Parameters<typeof generateText>[1]["images"]) =>
      (await generateText(seeing, { messages: user(content), images, ...decoding })).text
    const image = { type: "image" } as const
    const words = (text: string) => ({ type: "text", text }) as const
    expect(await answered("Which?")).toBe(await direct(imagePrompt(2, "Which?"), images))
    expect(await answered("A: <image>\nB: <image>")).toBe(
      await direct([words("A: "), image, words("\nB: "), image], images),
    )
    expect(await answered("only <image>")).toBe(await direct([words("only "), image], images.slice(0, 1)))
    const twice = [image, words(" "), image, words(" "), image]
    expect(await answered("<image> <image> <image>")).toBe(await direct(twice, [...images, images[1]]))
    const four = "<image>".repeat(4)
    expect(await answererOf(seeing).answer({ context: four, pictures: docs }, { decoding })).toHaveProperty("failed")
  })
})

it("a model whose numbers are broken ends the run", async () => {
  const session = loadSession(join(root, "block-diffusion"), { dtype: "float32", device: "cpu" })
  noGrad(() => {
    for (const [name, weight] of session.model.parameters()) if (name.endsWith("norm.weight")) weight.mul_(Number.NaN)
  })
  await expect(answererOf(session).answer(text("why"), { decoding })).rejects.toThrow(/not finite/)
})
