/** A model that reads text only: opened, decoded by token ids, scored; and what it cannot do is said. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { asDiffusion } from "../../test/support/as-diffusion.js"
import { SMALL_FAMILIES } from "../../test/support/small-families.js"
import { writeSmallTextModel } from "../../test/support/small-text-model.js"
import { UserError } from "../errors.js"
import { normaliseConfig } from "../models/read-config.js"
import { initialiseWeights } from "../models/registry.js"
import { saveModel } from "../models/save.js"
import { convert } from "../paradigms/convert.js"
import { type DecodingOptions, decode, type GenerateOptions, generate, generateText } from "./generate.js"
import { preparePrompt } from "./prepare.js"
import { scoreAnswers } from "./score.js"
import { loadSession, type Session } from "./session.js"

const root = mkdtempSync(join(tmpdir(), "text-model-"))
const letters = Object.fromEntries(Array.from("abcdefghijklmnopqrstuvwxyz", (letter, i) => [letter, i + 3]))
let autoregressive: Session
let diffusion: Session

beforeAll(async () => {
  const config = normaliseConfig(SMALL_FAMILIES.llama)
  const parameters = initialiseWeights(config, 3, { std: 0.3, embeddingStd: 1 })
  const open = async (name: string, target: typeof config): Promise<Session> => {
    const folder = join(root, name)
    await saveModel(folder, { config: target, parameters })
    writeFileSync(
      join(folder, "tokenizer.json"),
      JSON.stringify({ model: { type: "BPE", vocab: letters, merges: [] } }),
    )
    return loadSession(folder, { dtype: "float32", device: "cpu" })
  }
  autoregressive = await open("ar", config)
  // One token at a time, each predicted by the one before: the same text, whatever was trained.
  diffusion = await open("bd", asDiffusion(config, { record: { block_size: 1, shift: "next" } }))
})
afterAll(() => rmSync(root, { recursive: true }))

const prompt = { ids: Int32Array.of(1, 5, 9, 17) }

async function answer(session: Session): Promise<number[]> {
  for await (const event of decode(session, prompt, { maxTokens: 12 })) if (event.type === "done") return [...event.ids]
  throw new Error("no end")
}

it("decodes, and in blocks of one by the next token the same", async () => {
  expect([autoregressive.paradigm.name, diffusion.paradigm.name]).toEqual(["autoregressive", "block-diffusion"])
  expect(autoregressive.images).toBeUndefined()
  const ids = await answer(autoregressive)
  expect(ids.length).toBeGreaterThan(0)
  expect(await answer(diffusion)).toEqual(ids)
})

it("scores answers the same either way", async () => {
  const both = [autoregressive, diffusion].map((session) => scoreAnswers(session, prompt, ["abc", "z"]))
  const [a, b] = await Promise.all(both)
  expect(a.map(({ tokens }) => tokens)).toEqual([4, 2])
  for (const [i, { logLikelihood }] of a.entries()) expect(b[i].logLikelihood).toBeCloseTo(logLikelihood, 3)
})

it("scores no answers that are none, or too long for the model", async () => {
  for (const session of [autoregressive, diffusion]) {
    expect(await scoreAnswers(session, prompt, [])).toEqual([])
    await expect(scoreAnswers(session, prompt, ["a".repeat(60)])).rejects.toThrow(
      /prompt of 4 tokens and an answer of 61 exceed the model's 64/,
    )
    for (const answers of ["abc", [3], [undefined], null])
      await expect(scoreAnswers(session, prompt, answers as unknown as string[])).rejects.toThrow(
        /answers must be a list of texts, not/,
      )
  }
})

it("scores answers with the end that the model's template writes, whatever its configuration ends texts with", async () => {
  const folder = join(root, "template")
  mkdirSync(folder)
  const small = await writeSmallTextModel(folder)
  const session = loadSession(small.folder, { dtype: "float32", device: "cpu" })
  const { config } = session
  expect(config.tokens.eos).toEqual([small.end])
  const other = { ...session, config: { ...config, tokens: { ...config.tokens, eos: [small.end - 1] } } }
  const asked = await preparePrompt(session, [{ role: "user", content: "What colour is this?" }])
  const answers = ["green", "hello, zebra"]
  const expected = await scoreAnswers(session, asked, answers)
  for (const [i, { logLikelihood, tokens }] of (await scoreAnswers(other, asked, answers)).entries()) {
    expect(tokens).toBe(expected[i].tokens)
    // The prompt is in the cache by now: fewer tokens are computed at once, which rounds otherwise.
    expect(logLikelihood).toBeCloseTo(expected[i].logLikelihood, 3)
  }
})

it("refuses a prompt of nothing", async () => {
  await expect(preparePrompt(autoregressive, [{ role: "user", content: "" }])).rejects.toThrow(/has no tokens/)
})

it("says that it cannot see", async () => {
  const picture = { width: 2, height: 2, data: new Uint8Array(12) }
  const shown = [{ role: "user" as const, content: [{ type: "image" as const }] }]
  await expect(preparePrompt(autoregressive, shown, [picture])).rejects.toThrow(
    /reads text only: it cannot see pictures/,
  )
})

it("decodes as it was trained: LLaDA by full diffusion", async () => {
  const config = normaliseConfig(SMALL_FAMILIES.llada)
  const folder = join(root, "llada")
  await saveModel(folder, { config, parameters: initialiseWeights(config, 3) })
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ model: { type: "BPE", vocab: letters, merges: [] } }))
  const session = loadSession(folder, { dtype: "float32", device: "cpu" })
  expect(session.paradigm.name).toBe("full-diffusion")
  const answerOf = async (options: DecodingOptions): Promise<number[]> => {
    for await (const event of decode(session, { ids: Int32Array.of(5, 6, 7) }, options))
      if (event.type === "done") return [...event.ids]
    throw new Error("no answer")
  }
  const answer = await answerOf({ maxTokens: 8, blockSize: 4 })
  expect(answer).toHaveLength(8)
  expect(answer).not.toContain(session.config.tokens.mask)
  expect(await answerOf({ maxTokens: 8, blockSize: 4, prefixRefresh: 1, strategy: "low_confidence" })).toEqual(answer)
  expect(await answerOf({ maxTokens: 8, blockSize: 4, guidance: 4 })).not.toEqual(answer)
  const known = answer.find((id) => session.tokenizer.token(id) !== undefined)!
  const stopped = await answerOf({ maxTokens: 8, blockSize: 4, stop: [session.tokenizer.token(known)!] })
  expect(stopped.length).toBeLessThan(8)
  expect(stopped).not.toContain(known)
  expect(() => decode(session, { ids: Int32Array.of(5) }, { maxTokens: 6, blockSize: 4 })).toThrow(
    /an answer of 6 tokens is no whole number of blocks of 4/,
  )
  expect(() => decode(session, { ids: Int32Array.of(5) }, { strategy: "low_confidence_static" })).toThrow(
    /no remasking strategy "low_confidence_static"/,
  )
})

it("gives out nothing of a text at which it stops, whenever its tokens become final", async () => {
  const [folder, out] = [join(root, "stopping"), join(root, "stopping-diffusion")]
  mkdirSync(folder)
  const small = await writeSmallTextModel(folder)
  await convert(small.folder, out, { paradigm: "full-diffusion" })
  const session = loadSession(out, { dtype: "float32", device: "cpu" })
  const { tokenizer } = session
  const messages = [{ role: "user" as const, content: "hello" }]
  let stopped = 0
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const options = { messages, maxTokens: 12, temperature: 0.8, seed, strategy: "random" as const }
    const { ids } = await generateText(session, options)
    const known = ids.find((id) => tokenizer.encode(tokenizer.decode([id])).join() === String(id))
    if (known === undefined) continue
    const stop = [tokenizer.decode([known])]
    let text = ""
    for await (const event of generate(session, { ...options, stop })) {
      if (event.type === "text") text += event.text
      if (event.type !== "done") continue
      stopped++
      expect(event.ids).not.toContain(known)
      expect(event.text).toBe(tokenizer.decode(event.ids))
      expect(text).toBe(event.text)
    }
  }
  expect(stopped).toBeGreaterThan(3)
  for (const stop of [[""], "x", [3]])
    await expect(generateText(session, { messages, stop: stop as string[] })).rejects.toThrow(/stop must be texts/)
})

describe("what is no request is said in words", () => {
  const said = (content: unknown, role: unknown = "user") => ({ messages: [{ role, content }] })
  it.each([
    [undefined, /a request must be an object/],
    [null, /a request must be an object, not null/],
    ["hello", /a request must be an object, not "hello"/],
    [{}, /messages: is missing/],
    [{ messages: "hello" }, /messages: expected a list, found "hello"/],
    [{ messages: [] }, /there is no message to answer/],
    [{ messages: [null] }, /messages.0: expected an object, found null/],
    [said(undefined), /messages.0.content: is missing/],
    [said(3), /messages.0.content: expected a text or a list, found 3/],
    [said([{ type: "text" }]), /messages.0.content/],
    [said([{ type: "video" }]), /messages.0.content/],
    [said("a", "robot"), /messages.0.role: expected "system" or "user" or "assistant", found "robot"/],
    [{ ...said("a"), signal: 1 }, /signal must be an AbortSignal, not 1/],
    [{ ...said("a"), images: "x.png" }, /images must be a list, not "x.png"/],
  ])("%j", async (request, message) => {
    const failure = await generateText(autoregressive, request as unknown as GenerateOptions).catch((error) => error)
    expect(failure).toBeInstanceOf(UserError)
    expect(failure.message).toMatch(message)
  })

  it("nor a shift that there is not", () => {
    expect(() => decode(diffusion, prompt, { shift: "left" as "next" })).toThrow(
      /shift must be same or next, not "left"/,
    )
  })
})
