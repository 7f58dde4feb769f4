import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { writeSmallAnswerers } from "../../../test/support/small-answerers.js"
import { type DecodeOptions, decode, generateText } from "../../generate/generate.js"
import { loadSession, type Session } from "../../generate/session.js"
import { decodedSize } from "../../image/decode.js"
import { fullDiffusion } from "../../paradigms/full-diffusion/paradigm.js"
import { asParadigm } from "../../paradigms/translate.js"
import { memory } from "../../torch/index.js"
import type { ApiError } from "../api-error.js"
import type { AnswerEvent, AnswerRequest } from "../request.js"
import { type AnswerLimits, answer } from "./answer.js"
import { MemoryBudget } from "./memory.js"

const LIMITS: AnswerLimits = { pixels: 1e6, promptTokens: 400, answerTokens: 64 }
const folder = mkdtempSync(join(tmpdir(), "dvl-answer-"))
const sessions = new Map<string, Session>()
afterAll(() => rmSync(folder, { recursive: true }))
beforeAll(async () => {
  for (const [name, path] of Object.entries(await writeSmallAnswerers(folder))) sessions.set(name, loadSession(path))
})

const names = ["autoregressive", "block-diffusion"]
const asked = (changes: Partial<AnswerRequest> = {}): AnswerRequest => ({
  model: "m",
  prompt: { messages: [{ role: "user", content: "What is it?" }] },
  pictures: [],
  decoding: {},
  stop: [],
  n: 1,
  progress: false,
  ...changes,
})

async function collect(name: string, changes: Partial<AnswerRequest>, limits = LIMITS): Promise<AnswerEvent[]> {
  const events: AnswerEvent[] = []
  for await (const event of answer(sessions.get(name)!, asked(changes), limits)) events.push(event)
  return events
}
const textOf = (events: AnswerEvent[], index = 0): string =>
  events.map((event) => (event.type === "text" && event.index === index ? event.text : "")).join("")
const of = <T extends AnswerEvent["type"]>(events: AnswerEvent[], type: T) =>
  events.filter((event): event is Extract<AnswerEvent, { type: T }> => event.type === type)

describe.each(names)("an answer of a small %s model", (name) => {
  const messages = [{ role: "user" as const, content: "What is it?" }]

  it("is the one that the library gives, within any limit", async () => {
    const session = sessions.get(name)!
    for (const maxTokens of [1, 2, 3, 5, 7, 12]) {
      const events = await collect(name, { maxTokens })
      const { text, ids } = await generateText(session, { messages, maxTokens })
      expect(textOf(events)).toBe(text)
      const [{ reason, statistics }] = of(events, "finished")
      expect(statistics.tokens).toBe(ids.length)
      expect(statistics.tokens).toBeLessThanOrEqual(maxTokens)
      expect(reason).toBe(ids.length < maxTokens ? "end" : "length")
      expect(statistics.forwards).toBeGreaterThan(0)
    }
  })

  it("gets what the prompt leaves of the context, within the server's limit", async () => {
    const [started] = of(await collect(name, {}), "started")
    expect(started.maxTokens).toBe(LIMITS.answerTokens)
    const session = sessions.get(name)!
    const { maxPositions } = session.config.text
    const long = await collect(
      name,
      { prompt: { text: "it ".repeat(160) } },
      { ...LIMITS, promptTokens: 1000, answerTokens: 500 },
    )
    const [{ promptTokens, maxTokens }] = of(long, "started")
    expect(maxTokens).toBe(maxPositions - promptTokens)
  })

  it("ends before a stop text, wherever the tokens are cut", async () => {
    const whole = textOf(await collect(name, { maxTokens: 24 }))
    expect(whole.length).toBeGreaterThan(8)
    for (const [start, end] of [
      [3, 5],
      [2, 7],
      [0, 2],
    ]) {
      const stop = whole.slice(start, end)
      const events = await collect(name, { maxTokens: 24, stop: [stop], progress: true })
      expect(textOf(events)).toBe(whole.slice(0, whole.indexOf(stop)))
      expect(of(events, "finished")[0]).toMatchObject({ reason: "stop", stop })
      expect(
        of(events, "commit")
          .map(({ text }) => text)
          .join(""),
      ).toBe(textOf(events))
    }
  })

  it("tells commits that are the answer, and drafts whose fixed tokens stay", async () => {
    const events = await collect(name, { maxTokens: 13, progress: true })
    const commits = of(events, "commit")
    expect(commits.map(({ text }) => text).join("")).toBe(textOf(events))
    expect(commits[0].start).toBe(0)
    for (const [i, { start }] of commits.slice(1).entries()) expect(start).toBe(commits[i].end)
    const [{ statistics }] = of(events, "finished")
    expect(commits.at(-1)!.end).toBe(statistics.tokens)
    expect(commits.flatMap(({ tokens }) => tokens.map(({ position }) => position))).toEqual(
      Array.from({ length: statistics.tokens }, (_, i) => i),
    )
    const drafts = of(events, "draft")
    expect(drafts.length > 0).toBe(name !== "autoregressive")
    const fixed = new Map<number, string | null>()
    for (const { start, end, tokens } of drafts) {
      expect(tokens.map(({ position }) => position)).toEqual(Array.from({ length: end - start }, (_, i) => start + i))
      expect(end).toBeLessThanOrEqual(13)
      for (const token of tokens) {
        if (fixed.has(token.position)) expect(token).toMatchObject({ fixed: true, text: fixed.get(token.position) })
        if (token.fixed) fixed.set(token.position, token.text)
      }
    }
  })

  it("tells the log-probability of each token under the model, in the step that made it final", async () => {
    const events = await collect(name, { maxTokens: 10, logProbabilities: 3, progress: true })
    const tokens = of(events, "text").flatMap((event) => event.tokens ?? [])
    const committed = of(events, "commit").flatMap((event) => event.tokens)
    expect(tokens.length).toBe(of(events, "finished")[0].statistics.tokens)
    for (const [i, { logProbability, top, token }] of tokens.entries()) {
      // Nothing is drawn: the probability that chose the token is the model's.
      expect(Math.exp(logProbability)).toBeCloseTo(committed[i].confidence!, 4)
      expect(top).toHaveLength(3)
      expect(top[0].logProbability).toBeGreaterThanOrEqual(top[1].logProbability)
      expect(top.reduce((sum, other) => sum + Math.exp(other.logProbability), 0)).toBeLessThanOrEqual(1.0001)
      // Of two that are as likely either may be taken.
      if (name === "autoregressive") {
        expect(top).toContainEqual({ token, logProbability })
        expect(logProbability).toBe(top[0].logProbability)
      }
    }
  })

  it("is one of several by its seed", async () => {
    const decoding = { temperature: 1.5, seed: 5 }
    const events = await collect(name, { maxTokens: 8, n: 3, decoding })
    for (const index of [0, 1, 2]) {
      const alone = await collect(name, { maxTokens: 8, decoding: { ...decoding, seed: 5 + index } })
      expect(textOf(events, index)).toBe(textOf(alone))
    }
    expect(of(events, "finished")).toHaveLength(3)
  })

  it("leaves no tensor behind when nobody listens any more, or it is aborted", async () => {
    const session = sessions.get(name)!
    await collect(name, { maxTokens: 4 })
    session.executor.clear()
    const before = memory().tensors
    for await (const event of answer(session, asked({ maxTokens: 20 }), LIMITS)) if (event.type === "text") break
    const controller = new AbortController()
    const events = answer(session, asked({ maxTokens: 40, n: 2 }), LIMITS, controller.signal)
    await events.next()
    await events.next()
    controller.abort(new Error("enough"))
    await expect(async () => {
      for await (const _ of events);
    }).rejects.toThrow("enough")
    session.executor.clear()
    expect(memory().tensors).toBe(before)
  })

  it("tells how much of its prompt was known, also when a stop text ended it", async () => {
    const prompt = { messages: [{ role: "user" as const, content: `What is it? ${name}` }] }
    const known = async (changes: Partial<AnswerRequest>) =>
      of(await collect(name, { prompt, maxTokens: 8, ...changes }), "finished")[0].statistics.cachedTokens
    expect(await known({})).toBe(0)
    expect(await known({})).toBeGreaterThan(8)
    const text = textOf(await collect(name, { prompt, maxTokens: 8 }))
    expect(await known({ stop: [text.slice(0, 1)] })).toBeGreaterThan(8)
  })

  it("left by whoever has heard enough is known to the next turn as far as it was given", async () => {
    const session = sessions.get(name)!
    const block = name === "autoregressive" ? 1 : 4
    const prompt = { ids: Int32Array.of(5, 9, 2, 7, 11, 3) }
    /** Ids of an answer, and tokens that were known; whoever listens leaves after some steps. */
    const decoded = async (ids: Int32Array, options: DecodeOptions, most = Number.POSITIVE_INFINITY) => {
      let steps = 0
      let known = 0
      for await (const event of decode(session, { ids }, options)) {
        if (event.type === "prefill") known = event.cachedTokens ?? 0
        if (event.type === "done") return { ids: event.ids, known }
        if (event.type === "step" && ++steps === most) break
      }
      return { ids: new Int32Array(), known }
    }
    const format = { type: "regex" as const, pattern: "(What|is|it| )+!" }
    const whole = (await decoded(prompt.ids, { maxTokens: 24, format, seed: 3, temperature: 1 })).ids.slice(0, 24)
    for (const given of [0, 3, 8, 11]) {
      session.executor.clear()
      const options = { maxTokens: 24, format, seed: 3, temperature: 1, given: () => given }
      await decoded(prompt.ids, options, 20)
      const next = await decoded(Int32Array.of(...prompt.ids, ...whole, 4, 4, 4, 4), { maxTokens: 1 })
      expect(next.known).toBe(Math.floor((6 + given) / block) * block)
    }
  })

  it("finds nothing that was kept for another salt", async () => {
    const known = async (cacheSalt?: string) =>
      of(await collect(name, { maxTokens: 4, decoding: { cacheSalt } }), "finished")[0].statistics.cachedTokens
    sessions.get(name)!.executor.clear()
    expect(await known("a")).toBe(0)
    expect(await known("b")).toBe(0)
    expect(await known()).toBe(0)
    for (const salt of ["a", "b", undefined]) expect(await known(salt)).toBeGreaterThan(8)
  })

  it("has the format that is asked for", async () => {
    const format = { type: "regex" as const, pattern: "(yes|no), [0-9]{2}" }
    const events = await collect(name, { maxTokens: 16, decoding: { format }, logProbabilities: 1 })
    expect(of(events, "finished")[0].reason).toBe("end")
    const long = { type: "regex" as const, pattern: "[ab]{5,}!" }
    const closed = await collect(name, { maxTokens: 7, decoding: { format: long } })
    expect(textOf(closed)).toMatch(/^[ab]{5,}!$/)
    expect(of(closed, "finished")[0]).toMatchObject({ reason: "end", statistics: { tokens: 7 } })
    expect(textOf(events)).toMatch(/^(yes|no), [0-9]{2}$/)
  })

  it("refuses in a sentence what cannot be answered", async () => {
    const failure = async (changes: Partial<AnswerRequest>, limits = LIMITS): Promise<ApiError> => {
      const error = await collect(name, changes, limits).catch((error: unknown) => error)
      expect(error).toMatchObject({ name: "ApiError", status: 400 })
      return error as ApiError
    }
    const picture = { prompt: { messages: [{ role: "user" as const, content: [{ type: "image" as const }] }] } }
    expect((await failure({ ...picture, pictures: [{ base64: "!!!" }] })).message).toMatch(/^image 1: .*not base64/)
    expect((await failure({ ...picture, pictures: [{ bytes: new Uint8Array([1, 2, 3]) }] })).message).toMatch(
      /^image 1: /,
    )
    const png = readFileSync(resolve(import.meta.dirname, "../../../examples/pictures/panda.png"))
    expect((await failure({ ...picture, pictures: [{ bytes: png }] }, { ...LIMITS, pixels: 100 })).code).toBe(
      "image_too_large",
    )
    expect((await failure({ prompt: { messages: [{ role: "assistant", content: "x" }] } })).message).toMatch(
      /end the conversation/,
    )
    expect((await failure({ prompt: { text: "it ".repeat(500) } })).code).toBe("context_length_exceeded")
    expect((await failure({ decoding: { guidance: 2 } })).message).toMatch(/guidance/)
    expect((await failure({ decoding: { format: { type: "regex", pattern: "(" } } })).message).toMatch(/pattern|regex/)
    const many = Array.from({ length: 5 }, () => ({ type: "image" as const }))
    const pictures = many.map(() => ({ bytes: png }))
    const { width, height } = await decodedSize(png, "image")
    const together = await failure(
      { prompt: { messages: [{ role: "user", content: many }] }, pictures },
      { ...LIMITS, pixels: width * height },
    )
    expect([together.code, together.message]).toEqual(["image_too_large", expect.stringMatching(/together/)])
    const little = { ...LIMITS, memory: new MemoryBudget(3 * width * height) }
    expect((await failure({ ...picture, pictures: [{ bytes: png }] }, little)).message).toMatch(/^the pictures/)
    expect(little.memory.used).toBe(0)
    expect((await failure({ prompt: { text: "it ".repeat(1e6) } })).message).toMatch(/3000000 bytes/)
    const long = { messages: [{ role: "user" as const, content: "x".repeat(1e6) }] }
    expect((await failure({ prompt: long })).code).toBe("context_length_exceeded")
    const memoryLimit = { ...LIMITS, memory: new MemoryBudget(100) }
    expect((await failure({}, memoryLimit)).message).toMatch(/prompt and answer .* of memory/)
    expect(memoryLimit.memory.used).toBe(0)
    for (const { message } of [await failure({ decoding: { topP: 7 } })]) expect(message).not.toContain(folder)
  })
})

function fullSession(): Session {
  const source = sessions.get("block-diffusion")!
  const config = asParadigm(source.config, fullDiffusion)
  return { ...source, config, paradigm: fullDiffusion, eos: fullDiffusion.ends({ ...source, config }) }
}

it("a whole answer is decoded in whole blocks, and gives no more tokens than were asked for", async () => {
  const session = fullSession()
  for (const [maxTokens, blockSize] of [
    [5, 4],
    [8, 4],
    [3, 8],
    [1, 2],
  ]) {
    const events: AnswerEvent[] = []
    const request = asked({ maxTokens, decoding: { blockSize }, progress: true })
    for await (const event of answer(session, request, LIMITS)) events.push(event)
    const whole = await generateText(session, {
      messages: [{ role: "user", content: "What is it?" }],
      maxTokens: Math.ceil(maxTokens / blockSize) * blockSize,
      blockSize,
    })
    const { tokens } = of(events, "finished")[0].statistics
    expect(tokens).toBe(Math.min(maxTokens, whole.ids.length))
    expect(whole.text.startsWith(textOf(events))).toBe(true)
    expect(of(events, "commit").at(-1)!.end).toBe(tokens)
  }
})

it("a whole answer with a format is never cut: it gets the whole blocks that fit", async () => {
  const session = fullSession()
  const collected = async (maxTokens: number, blockSize: number, limit = 64): Promise<AnswerEvent[]> => {
    const format = { type: "regex" as const, pattern: "[ab]{5,}!" }
    const request = asked({ maxTokens, decoding: { blockSize, format } })
    const events: AnswerEvent[] = []
    for await (const event of answer(session, request, { ...LIMITS, answerTokens: limit })) events.push(event)
    return events
  }
  for (const [maxTokens, blockSize, limit, decoded] of [
    [13, 8, 64, 8],
    [12, 12, 64, 12],
    [60, 8, 21, 16],
  ]) {
    const events = await collected(maxTokens, blockSize, limit)
    expect(textOf(events)).toMatch(/^[ab]{5,}!$/)
    expect(of(events, "started")[0].maxTokens).toBe(decoded)
  }
  await expect(collected(13, 16)).rejects.toMatchObject({ param: "max_tokens", message: /no block of 16 tokens/ })
})
