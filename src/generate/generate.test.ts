/** Questions and pictures in, text out: with models of random weights, whose answers are full of broken characters. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest"
import { type SmallAnswerers, writeSmallAnswerers } from "../../test/support/small-answerers.js"
import { tinyConfig } from "../../test/support/tiny-model.js"
import { writeJson } from "../checkpoint/files.js"
import { readJsonObject } from "../checkpoint/json.js"
import { imagePrompt, type Message } from "../text/conversation.js"
import { setThreads } from "../torch/index.js"
import {
  type DecodingOptions,
  decode,
  type GenerateEvent,
  type GenerateOptions,
  generate,
  generateText,
} from "./generate.js"
import { preparePrompt } from "./prepare.js"
import { scoreAnswers } from "./score.js"
import { loadSession, openModel, type Session } from "./session.js"

const root = mkdtempSync(join(tmpdir(), "generate-"))
let folders: SmallAnswerers
let autoregressive: Session
let diffusion: Session

beforeAll(async () => {
  setThreads(1)
  folders = await writeSmallAnswerers(root)
  autoregressive = loadSession(folders.autoregressive, { dtype: "float32", device: "cpu" })
  diffusion = await openModel(folders["block-diffusion"], { dtype: "float32", device: "cpu" })
})
afterAll(() => rmSync(root, { recursive: true }))

const question: Message[] = [{ role: "user", content: "What is it?" }]
const picture = { width: 60, height: 40, data: Uint8Array.from({ length: 60 * 40 * 3 }, (_, i) => (i * 7) % 256) }
const shown: Message[] = [{ role: "user", content: imagePrompt(1, "What is it?") }]

async function all(session: Session, options: GenerateOptions): Promise<GenerateEvent[]> {
  const events: GenerateEvent[] = []
  for await (const event of generate(session, options)) events.push(event)
  return events
}
const textOf = (events: GenerateEvent[]): string =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("")
const doneOf = (events: GenerateEvent[]) => {
  const last = events[events.length - 1]
  if (last.type !== "done") throw new Error("no result")
  return last
}

describe("sessions", () => {
  it("know how to ask each model", () => {
    expect(autoregressive).toMatchObject({ paradigm: { name: "autoregressive" }, format: "qwen2_5_vl", name: "ar" })
    expect(diffusion).toMatchObject({ paradigm: { name: "block-diffusion" }, format: "qwen_2_5" })
    expect(diffusion.name).toBe(folders["block-diffusion"])
    expect(autoregressive.eos.length).toBe(2)
    expect(diffusion.eos).toEqual(diffusion.config.tokens.eos)
  })
  it("explain what is missing", async () => {
    await expect(openModel(join(root, "nothing"))).rejects.toThrow("there is no such model")
    await expect(openModel("a\0b")).rejects.toThrow('"a\\u0000b" is no name of a model')
    await expect(openModel(undefined as unknown as string)).rejects.toThrow("nothing is no name of a model")
  })
})

describe("prompts", () => {
  it("hold the image's rows, with three axes for the autoregressive model only", async () => {
    const prompt = await preparePrompt(autoregressive, shown, [picture])
    const rows = prompt.ids.filter((id) => id < 0).length
    expect(prompt.features?.[0].shape).toEqual([rows, tinyConfig.text.hiddenSize])
    expect(prompt.positions?.axes[0].length).toBe(prompt.ids.length)
    expect((await preparePrompt(diffusion, shown, [picture])).positions).toBeUndefined()
  })
  it("refuse what does not fit together", async () => {
    await expect(preparePrompt(diffusion, shown)).rejects.toThrow("the messages show 1 image, but 0 were given")
    await expect(preparePrompt(diffusion, question, [picture])).rejects.toThrow("show 0 images, but 1 was given")
    await expect(preparePrompt(diffusion, [])).rejects.toThrow("no message")
    const answered: Message[] = [...question, { role: "assistant", content: "A dog." }]
    await expect(preparePrompt(diffusion, answered)).rejects.toThrow("the last message is the assistant's")
    await expect(preparePrompt(diffusion, shown, [join(root, "no.png")])).rejects.toThrow("no such image")
  })
})

describe("scoring", () => {
  const answers = ["It", "What is it", "🐕"]
  it("gives each answer its own likelihood, whatever it stands beside", async () => {
    for (const session of [autoregressive, diffusion]) {
      const prompt = await preparePrompt(session, shown, [picture])
      const together = await scoreAnswers(session, prompt, answers)
      for (const [i, answer] of answers.entries()) {
        const [alone] = await scoreAnswers(session, prompt, [answer])
        expect(together[i].logLikelihood).toBeCloseTo(alone.logLikelihood, 3)
        expect(together[i].tokens).toBe(session.tokenizer.encode(answer).length + 1)
        expect(together[i].logLikelihood).toBeLessThan(0)
      }
    }
  })
  it("at block size 1 and shifted, a diffusion model scores as the autoregressive one", async () => {
    const prompt = await preparePrompt(autoregressive, question)
    const scores = await scoreAnswers(autoregressive, prompt, answers)
    const shifted = await scoreAnswers(diffusion, { ids: prompt.ids }, answers, { blockSize: 1, shift: "next" })
    expect(shifted.length).toBe(answers.length)
    for (const [i, { logLikelihood }] of shifted.entries())
      expect(logLikelihood).toBeCloseTo(scores[i].logLikelihood, 3)
  })
})

describe("generating", () => {
  const settings: [string, Partial<GenerateOptions>][] = [
    ["steps = block size", {}],
    ["two steps", { steps: 2, blockSize: 8 }],
    ["threshold", { threshold: 0.3 }],
    ["sampled", { temperature: 1, seed: 3, topP: 0.95 }],
    ["shifted", { shift: "next" }],
    ["reference", { reference: true }],
  ]
  it.each(settings)("pieces of text make up the answer: %s", async (_, options) => {
    const events = await all(diffusion, { messages: shown, images: [picture], maxTokens: 30, ...options })
    const done = doneOf(events)
    expect(textOf(events)).toBe(done.text)
    expect(done.text).toBe(diffusion.tokenizer.decode(done.ids))
    expect(done.ids.length).toBe(done.stats.tokens)
    expect(done.stats.promptTokens).toBe((await preparePrompt(diffusion, shown, [picture])).ids.length)
    const steps = events.flatMap((event) => (event.type === "step" ? [event.cells] : []))
    expect(steps.length).toBeGreaterThan(0)
    expect(steps.some((cells) => cells.includes(null))).toBe(true)
    for (const cells of steps) expect(cells.length).toBeLessThanOrEqual((options.blockSize ?? 4) + 7)
  })

  it("says that a text is the answer to one request", async () => {
    await expect(generateText(diffusion, [{ messages: [] }] as never)).rejects.toThrow(
      /answers one request, and was given a list/,
    )
  })

  it("gives the same answer as the authors' loop, and again for the same seed", async () => {
    const options = { messages: question, maxTokens: 20, temperature: 0.8, seed: 5 }
    const fast = await generateText(diffusion, options)
    expect((await generateText(diffusion, { ...options, reference: true })).text).toBe(fast.text)
    expect((await generateText(diffusion, options)).text).toBe(fast.text)
    expect((await generateText(diffusion, { ...options, seed: 6 })).text).not.toBe(fast.text)
  })

  it.each(["autoregressive", "block-diffusion"] as const)(
    "%s: several requests at once get the answers that they get alone",
    async (kind) => {
      const session = kind === "autoregressive" ? autoregressive : diffusion
      const wrong = { messages: question, maxTokens: 1e9 }
      const requests: GenerateOptions[] = [
        { messages: question, maxTokens: 12 },
        { messages: shown, images: [picture], maxTokens: 9, temperature: 0.8, seed: 5 },
        wrong,
        { messages: question, maxTokens: 5, temperature: 1.2, seed: 7, topK: 9 },
        { messages: [{ role: "user", content: "这是什么 🐕🐕🐕" }], maxTokens: 12 },
      ]
      const forward = vi.spyOn(session.model, "forwardInPieces")
      onTestFinished(() => forward.mockRestore())
      const alone: (GenerateEvent & { type: "done" })[] = []
      for (const request of requests.filter((own) => own !== wrong)) alone.push(doneOf(await all(session, request)))
      const apart = forward.mock.calls.length
      const answers = new Map<number, string>()
      const failures: unknown[] = []
      const texts = requests.map(() => "")
      for await (const event of generate(session, requests, { concurrent: 4 })) {
        if (event.type === "text") texts[event.request] += event.text
        if (event.type === "done") answers.set(event.request, event.text)
        if (event.type === "failed") failures.push([event.request, (event.error as Error).message])
      }
      expect([...answers].sort(([a], [b]) => a - b).map(([, text]) => text)).toEqual(alone.map(({ text }) => text))
      expect(texts).toEqual(requests.map((_, i) => answers.get(i) ?? ""))
      expect(failures).toEqual([[2, expect.stringContaining("max-tokens of 1000000000 would exceed")]])
      expect(forward.mock.calls.length - apart).toBeLessThan(apart)
    },
  )

  it("an autoregressive model writes text only", async () => {
    const events = await all(autoregressive, { messages: shown, images: [picture], maxTokens: 20 })
    expect(events.some(({ type }) => type === "step")).toBe(false)
    expect(textOf(events)).toBe(doneOf(events).text)
  })

  it("translated without training, at block size 1 and shifted, it still writes what it wrote", async () => {
    const same = { ...diffusion, format: autoregressive.format, eos: autoregressive.eos }
    const options = { messages: question, maxTokens: 16 }
    const { ids } = await generateText(autoregressive, options)
    expect(ids).not.toContain(diffusion.config.tokens.mask)
    expect((await generateText(same, { ...options, blockSize: 1, shift: "next" })).ids).toEqual(ids)
  })

  it("decodes as the model's generation_config.json says, when nothing else is asked for", async () => {
    const folder = folders["block-diffusion"]
    const file = join(folder, "generation_config.json")
    const written = async (config: object): Promise<Session> => {
      await writeJson(file, config)
      return loadSession(folder, { dtype: "float32", device: "cpu" })
    }
    /** Rows made final, step by step. */
    const order = async (session: Session, options: Partial<DecodingOptions> = {}): Promise<string> => {
      const prompt = await preparePrompt(session, question)
      const steps: string[] = []
      for await (const event of decode(session, prompt, { maxTokens: 12, ...options }))
        if (event.type === "step") steps.push(event.fixed.join())
      return steps.join(" ")
    }
    const static_ = { strategy: "low_confidence_static" } as const
    const sequential = { strategy: "sequential_dynamic", threshold: 1 } as const
    const plain = await order(diffusion)
    const leftmost = await order(diffusion, sequential)
    expect(leftmost).toBe(
      leftmost
        .split(" ")
        .sort((a, b) => Number(a) - Number(b))
        .join(" "),
    )
    expect(leftmost).not.toBe(plain)

    const own = await written({ remasking_strategy: "sequential_dynamic", confidence_threshold: 1 })
    expect(await order(own)).toBe(leftmost)
    expect(await order(own, static_)).toBe(plain)
    expect(await order(own, { steps: 4 })).toBe(plain)
    expect(await order(own, { strategy: "sequential_dynamic" })).toBe(leftmost)
    const low = { strategy: "low_confidence_dynamic", threshold: 0.02 } as const
    expect(await order(own, { threshold: 0.02 })).toBe(await order(own, { ...low, strategy: "sequential_dynamic" }))
    expect(await order(await written({ confidence_threshold: 0.02 }))).toBe(await order(diffusion, low))
    expect(await order(await written(static_))).toBe(plain)

    await expect(written({ remasking_strategy: "random" })).rejects.toThrow(/unknown remasking_strategy "random"/)
    await expect(written({ confidence_threshold: "high" })).rejects.toThrow("between 0 and 1")
    rmSync(file)
  })

  it("an autoregressive model follows its generation_config.json, and options win", async () => {
    const file = join(folders.autoregressive, "generation_config.json")
    const before = readJsonObject(file)
    await writeJson(file, { ...before, repetition_penalty: 1.3, max_new_tokens: 12 })
    const session = loadSession(folders.autoregressive, { dtype: "float32", device: "cpu" })
    const own = await generateText(session, { messages: question })
    const asked = { messages: question, maxTokens: 12, repetitionPenalty: 1.3 }
    expect([...own.ids]).toEqual([...(await generateText(autoregressive, asked)).ids])
    const plain = await generateText(autoregressive, { messages: question, maxTokens: 12 })
    expect([...own.ids]).not.toEqual([...plain.ids])
    expect([...(await generateText(session, { messages: question, repetitionPenalty: 1 })).ids]).toEqual([...plain.ids])
    const without = await generateText(session, { messages: question, maxTokens: 12, generationConfig: false })
    expect([...without.ids]).toEqual([...plain.ids])
    expect(own.decoding.applied).toMatchObject({
      maxTokens: { value: 12, from: "generation_config.json" },
      repetitionPenalty: { value: 1.3, from: "generation_config.json" },
    })
    await writeJson(file, { ...before, bad_words_ids: [[1e6]] })
    expect(() => loadSession(folders.autoregressive)).toThrow("bad_words_ids: token 1000000 is outside the vocabulary")
    await writeJson(file, before)
  })

  it("refuses options that make no sense", async () => {
    const refuse = (session: Session, options: Partial<GenerateOptions>) =>
      expect(all(session, { messages: question, ...options })).rejects
    await refuse(autoregressive, { steps: 4 }).toThrow("ar is an autoregressive model: it has no steps")
    await refuse(autoregressive, { strategy: "sequential_dynamic" }).toThrow(
      /autoregressive model: it has no remasking$/,
    )
    await refuse(diffusion, { steps: 0 }).toThrow("steps must be a whole number")
    await refuse(diffusion, { threshold: 2 }).toThrow("between 0 and 1")
    await refuse(diffusion, { threshold: 0.5, strategy: "low_confidence_static" }).toThrow("no threshold")
    await refuse(diffusion, { strategy: "random" as "sequential_dynamic" }).toThrow('no remasking strategy "random"')
    await refuse(diffusion, { topP: 0 }).toThrow("top-p")
    await refuse(diffusion, { temperature: -1 }).toThrow("temperature")
    await refuse(diffusion, { maxTokens: 1000 }).toThrow("exceed the model's 512")
    await refuse(diffusion, { maxTokens: 500 }).toThrow("exceed the model's 512")
    for (const [key, name] of Object.entries({ maxTokens: "max-tokens", blockSize: "block-size", steps: "steps" }))
      await refuse(diffusion, { [key]: 1e12 }).toThrow(
        `${name} of 1000000000000 would exceed the model's 512 positions`,
      )
    for (const temperature of [1e-38, 1e-320, 1e300, Number.NaN, Number.POSITIVE_INFINITY])
      await refuse(autoregressive, { temperature }).toThrow("temperature must be 0, or between 1e-10 and 1000000")
    for (const seed of [-1, 0.5, 2 ** 60]) await refuse(diffusion, { seed }).toThrow("seed must be a whole number")
    await refuse(autoregressive, { repetitionPenalty: 0 }).toThrow("repetition-penalty must be between 0.001 and 1000")
    await refuse(diffusion, { repetitionPenalty: 1.1 }).toThrow(
      "is a block-diffusion model: it has no repetition-penalty",
    )
    await refuse(diffusion, { steps: "4" as unknown as number }).toThrow(
      'steps must be a whole number of at least 1, not "4"',
    )
  })

  it("stops when it is told to", async () => {
    const controller = new AbortController()
    const seen: GenerateEvent[] = []
    const run = async () => {
      for await (const event of generate(diffusion, {
        messages: question,
        maxTokens: 100,
        signal: controller.signal,
      })) {
        seen.push(event)
        if (seen.length === 3) setTimeout(() => controller.abort(new Error("enough")))
      }
    }
    await expect(run()).rejects.toThrow("enough")
    expect(seen.length).toBeLessThan(30)
  })
})
