/** One loaded model in every mode: what it was not trained for it does all the same, and says so. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { decode, generateText } from "../src/generate/generate.js"
import { modesOf } from "../src/generate/mode.js"
import { requestBytes } from "../src/generate/request-bytes.js"
import { scoreAnswers } from "../src/generate/score.js"
import { loadSession, type Session } from "../src/generate/session.js"
import type { DecodingOptions } from "../src/paradigms/decoding-options.js"
import { paradigms } from "../src/paradigms/registry.js"
import { setThreads } from "../src/torch/index.js"
import { writeSmallAnswerers } from "./support/small-answerers.js"

const root = mkdtempSync(join(tmpdir(), "dvl-modes-"))
const MODES = ["autoregressive", "block-diffusion", "full-diffusion"]
let [ar, bd]: Session[] = []
let folders: Record<string, string>
const open = (folder: string, bytes?: number): Session =>
  loadSession(folder, { dtype: "float32", device: "cpu", ...(bytes !== undefined && { prefixCache: { bytes } }) })
beforeAll(async () => {
  setThreads(1)
  folders = { ...(await writeSmallAnswerers(root)) }
  ar = open(folders.autoregressive)
  bd = open(folders["block-diffusion"])
})
afterAll(() => rmSync(root, { recursive: true }))

const picture = { width: 60, height: 40, data: Uint8Array.from({ length: 7200 }, (_, i) => (i * 37) % 256) }
const asked = (text: string) => [{ role: "user" as const, content: text }]
const shown = (text: string) => [
  { role: "user" as const, content: [{ type: "image" as const }, { type: "text" as const, text }] },
]
async function ids(session: Session, options: DecodingOptions, prompt = [5, 9, 2, 7, 11]): Promise<number[]> {
  for await (const event of decode(session, { ids: Int32Array.from(prompt) }, options))
    if (event.type === "done") return [...event.ids.slice(0, event.eosIndex)]
  throw new Error("no answer")
}

it("are all of them, the own one first", () => {
  expect(modesOf(ar)).toEqual(MODES)
  expect(modesOf(bd)).toEqual(["block-diffusion", "autoregressive", "full-diffusion"])
  expect(paradigms().map(({ name }) => name)).toEqual(MODES)
})

it("of an autoregressive model, blocks of one token are what it says autoregressively", async () => {
  for (let first = 0; first < 12; first++) {
    const prompt = [first, 9, 2 * first, 7, 11 + first]
    const plain = await ids(ar, { maxTokens: 12, generationConfig: false }, prompt)
    const blocks = { mode: "block-diffusion", blockSize: 1, maxTokens: 12 }
    expect(await ids(ar, blocks, prompt)).toEqual(plain)
  }
  const request = { messages: shown("What?"), images: [picture], maxTokens: 10 }
  const { text } = await generateText(ar, request)
  expect((await generateText(ar, { ...request, mode: "block-diffusion", blockSize: 1 })).text).toBe(text)
})

it("of a model of blocks, autoregressive is what its weights say autoregressively", async () => {
  for (let first = 0; first < 12; first++) {
    const prompt = [first, 3, first + 5, 8]
    // The one knows the mask as a token that is never text.
    const suppressed = (answer: number[]) => answer.slice(0, answer.indexOf(bd.config.tokens.mask!) >>> 0)
    const plain = suppressed(await ids(ar, { maxTokens: 12 }, prompt))
    expect((await ids(bd, { mode: "autoregressive", maxTokens: 12 }, prompt)).slice(0, plain.length)).toEqual(plain)
  }
})

describe.each(["ar", "bd"])("%s", (name) => {
  const session = (): Session => (name === "ar" ? ar : bd)

  it.each(MODES)("says in its report whether it was trained for %s", async (mode) => {
    const { decoding, text } = await generateText(session(), { messages: asked("What?"), mode, maxTokens: 8 })
    expect(typeof text).toBe("string")
    expect(decoding.applied.mode).toEqual({ value: mode, from: "option" })
    const { trainedIn, paradigm } = { trainedIn: session().paradigm.name, paradigm: mode }
    if (trainedIn === paradigm) expect(decoding.warnings).toEqual([])
    else
      expect(decoding.warnings).toEqual([expect.stringMatching(/^the model was not trained for this mode: it is an? /)])
    expect(decoding.lines().some((line) => line.startsWith("warning: "))).toBe(trainedIn !== paradigm)
  })

  it.each(MODES)("is held to a format as %s", async (mode) => {
    const format = { type: "regex" as const, pattern: "(What|it|is){2,3}!?" }
    for (let seed = 0; seed < 3; seed++) {
      const options = { messages: asked("What?"), mode, format, maxTokens: 16, seed, temperature: seed }
      expect((await generateText(session(), options)).text).toMatch(/^(What|it|is){2,3}!?$/)
    }
  })

  it("answers the same with what it kept of other modes", async () => {
    const fresh = open(folders[session().paradigm.name], 0)
    const said: string[] = []
    for (let turn = 0; turn < 12; turn++) {
      const options = {
        messages: shown(`What is it? ${said.join(" ").slice(-60)} ${"it ".repeat(turn % 5)}`),
        images: [picture],
        mode: MODES[(turn * 5 + (turn >> 2)) % 3],
        maxTokens: 8,
      }
      const { text } = await generateText(session(), options)
      expect(text).toBe((await generateText(fresh, options)).text)
      said.push(text)
    }
    expect(session().executor.statistics().prefixes.hits).toBeGreaterThan(2)
  })

  it.each(MODES)("knows the memory and the likelihood as %s", async (mode) => {
    expect(requestBytes(session(), { promptTokens: 20, maxTokens: 8, mode })).toBeGreaterThan(0)
    const [short, long] = await scoreAnswers(session(), { ids: Int32Array.of(1, 2, 3) }, ["it", "What is it"], { mode })
    expect(short.logLikelihood).toBeLessThan(0)
    expect(long.logLikelihood).toBeLessThan(0)
  })
})

describe("what cannot be is refused in a sentence", () => {
  const refused = (session: Session, options: DecodingOptions) =>
    expect(generateText(session, { messages: asked("What?"), ...options })).rejects

  it("a mode that there is not", async () => {
    await refused(ar, { mode: "x" }).toThrow('there is no mode "x"')
    await refused(ar, { mode: 3 as unknown as string }).toThrow("there is no mode 3")
  })

  it("an option that the mode has not", async () => {
    await refused(bd, { mode: "autoregressive", blockSize: 4 }).toThrow(
      /bd is decoded as an autoregressive model: it has no block-size/,
    )
    await refused(bd, { mode: "block-diffusion", minTokens: 4 }).toThrow(/bd is a block-diffusion model/)
  })

  it("masks where no row is spare, or none that the model has", async () => {
    const { text, tokens } = ar.config
    const full = { ...ar, config: { ...ar.config, tokens: { ...tokens, mask: undefined } } }
    full.tokenizer = Object.assign(Object.create(ar.tokenizer), { token: () => "text" })
    await refused(full, { mode: "block-diffusion" }).toThrow("the model has no row for a mask")
    expect(modesOf(full)).toEqual(["autoregressive"])
    const beyond = { ...ar, config: { ...ar.config, tokens: { ...tokens, mask: text.vocabSize } } }
    beyond.tokenizer = Object.assign(Object.create(ar.tokenizer), { token: () => undefined })
    await refused(beyond, { mode: "full-diffusion" }).toThrow(/its mask, token \d+, is outside its vocabulary/)
  })
})
