/** What was computed for earlier requests is not computed again, and nobody can tell by the answers. */

import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { EOS, MASK, promptOf, tinyConfig, tinyModel, VOCABULARY } from "../../test/support/tiny-model.js"
import { randomFrom } from "../data/prng.js"
import { newModel } from "../models/registry.js"
import type { ForwardInput, LanguageModel } from "../models/types.js"
import { autoregressiveDecoding } from "../paradigms/autoregressive/decoder.js"
import { blockDecoding } from "../paradigms/block-diffusion/decoder.js"
import type { DecodeDone, DecodeEvent } from "../paradigms/decode-events.js"
import type { Decoding } from "../paradigms/decode-loop.js"
import { fullDiffusionDecoding } from "../paradigms/full-diffusion/decoder.js"
import type { Prompt } from "../paradigms/prompt.js"
import { collect, Generator, memory, randn } from "../torch/index.js"
import { Executor } from "./executor.js"

let model: LanguageModel
beforeAll(() => {
  model = tinyModel(4)
})

const NOTHING_KEPT = { prefixCache: { bytes: 0 } }

interface How {
  blockSize: number
  genLength?: number
  shift?: "same" | "next"
  context?: "block" | "causal"
  reference?: boolean
  dropCache?: boolean
  temperature?: number
  seed?: number
}

/** Block size 0 is autoregressive, −1 full diffusion. */
function decodingOf(prompt: Prompt, { blockSize, genLength = 9, temperature = 0, seed = 1, ...how }: How): Decoding {
  const options = { eos: [EOS], genLength, temperature, uniform: randomFrom(seed) }
  if (blockSize === 0) return autoregressiveDecoding(prompt, options) as Decoding
  if (blockSize < 0) return fullDiffusionDecoding(prompt.ids.length, { ...options, maskToken: MASK }) as Decoding
  const block = { ...options, ...how, blockSize, maskToken: MASK }
  const dynamic = { strategy: "low_confidence_dynamic", threshold: 0.3 } as const
  return blockDecoding(prompt.ids.length, { ...block, ...dynamic }) as Decoding
}

async function doneOf(events: AsyncGenerator<DecodeEvent>): Promise<DecodeDone> {
  let done: DecodeDone | undefined
  for await (const event of events) if (event.type === "done") done = event
  return done as DecodeDone
}
const ask = (executor: Executor, prompt: Prompt, how: How, signal?: AbortSignal): Promise<DecodeDone> =>
  doneOf(executor.run(prompt, decodingOf(prompt, how), { signal }))

/** A model that counts the rows of its forwards. */
function counting(of: LanguageModel = model): { model: LanguageModel; rows: number[] } {
  const rows: number[] = []
  const counted: LanguageModel = Object.create(of, {
    forwardInPieces: {
      value: (input: ForwardInput) => {
        rows.push(input.embeddings.shape[1])
        return of.forwardInPieces(input)
      },
    },
  })
  return { model: counted, rows }
}
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** A prompt, its answer and what is said next. */
function nextTurn(prompt: Prompt, answer: Int32Array, seed: number): Prompt {
  const said = promptOf(5, seed).ids
  return { ...prompt, ids: Int32Array.from([...prompt.ids, ...answer, ...said]) }
}

describe("a second request", () => {
  it.each<How & { tokens?: number; known: number; later: number }>([
    // All but the token that predicts; of the next turn what was in the cache: the answer without its last token.
    { blockSize: 0, known: 20, later: 29 },
    { blockSize: 4, known: 20, later: 28 },
    { blockSize: 4, shift: "next", known: 20, later: 28 },
    // The first token of the answer's block is predicted by the last of the prompt.
    { blockSize: 4, shift: "next", tokens: 20, known: 16, later: 28 },
    { blockSize: 4, context: "causal", known: 20, later: 28 },
    { blockSize: 4, context: "causal", shift: "next", tokens: 20, known: 16, later: 28 },
    { blockSize: 8, known: 16, later: 24 },
    { blockSize: 8, reference: true, known: 16, later: 24 },
    // Of finished blocks nothing is stored.
    { blockSize: 4, dropCache: true, known: 20, later: 20 },
    // Prompt and answer in one block, or everything sees everything.
    { blockSize: 64, known: 0, later: 0 },
    { blockSize: -1, known: 0, later: 0 },
  ])("computes only what is new: %j", async ({ tokens = 21, known, later, ...how }) => {
    const counted = counting()
    const executor = new Executor(counted.model)
    const apart = new Executor(model, NOTHING_KEPT)
    const prompt = promptOf(tokens, 3)
    const first = await ask(executor, prompt, how)
    expect(first.stats.cachedTokens).toBe(0)
    expect(first.ids).toEqual((await ask(apart, prompt, how)).ids)
    const before = sum(counted.rows)
    const again = await ask(executor, prompt, how)
    expect(again.ids).toEqual(first.ids)
    expect(again.stats.cachedTokens).toBe(known)
    expect(sum(counted.rows) - before).toBe(before - known)
    const next = nextTurn(prompt, first.ids, 8)
    const asked = await ask(executor, next, how)
    expect(asked.ids).toEqual((await ask(apart, next, how)).ids)
    expect(asked.stats.cachedTokens).toBe(later)
    const { prefixes } = executor.statistics()
    expect(prefixes.cachedTokens).toBe(known + later)
    expect(prefixes.hits).toBe(Number(known > 0) + Number(later > 0))
  })

  it("with another picture, other positions or other blocks finds nothing behind them", async () => {
    const executor = new Executor(model)
    const how = { blockSize: 4 }
    const prompt = promptOf(21, 3)
    await ask(executor, prompt, how)
    const cached = async (other: Prompt, asked: How = how): Promise<number | undefined> => {
      const { ids, stats } = await ask(executor, other, asked)
      expect(ids).toEqual((await ask(new Executor(model, NOTHING_KEPT), other, asked)).ids)
      return stats.cachedTokens
    }
    const picture = randn([3, 16], { generator: new Generator(99), dtype: "float64" })
    // It begins in the first block.
    expect(await cached({ ...prompt, features: [picture] })).toBe(0)
    expect(await cached({ ...prompt, features: [prompt.features![0].clone()] })).toBe(20)
    const axis = (from: number): Int32Array => Int32Array.from({ length: 21 }, (_, i) => from + i)
    const positions = { axes: [axis(0), axis(0), axis(2)] as [Int32Array, Int32Array, Int32Array], delta: 0 }
    expect(await cached({ ...prompt, positions })).toBe(0)
    expect(await cached({ ...prompt, positions })).toBe(20)
    expect(await cached(prompt, { blockSize: 8 })).toBe(0)
    // A causal context is that of autoregressive decoding, whatever the blocks.
    expect(await cached(prompt, { blockSize: 8, context: "causal" })).toBe(0)
    expect(await cached(prompt, { blockSize: 4, context: "causal" })).toBe(20)
    expect(await cached(prompt, { blockSize: 0 })).toBe(20)
    expect(await cached(prompt, { blockSize: 1 })).toBe(21)
  })

  it("is not given keys of sequences of another length where frequencies follow the length", async () => {
    const ropeScaling = { type: "dynamic", factor: 2, maxPositions: 16 } as const
    const stretched = newModel({ ...tinyConfig, text: { ...tinyConfig.text, ropeScaling } } as typeof tinyConfig, 4, {
      std: 0.35,
      embeddingStd: 1,
      dtype: "float64",
    })
    const apart = new Executor(stretched, NOTHING_KEPT)
    const executor = new Executor(stretched)
    const cached: (number | undefined)[] = []
    let prompt = promptOf(9, 2)
    for (const how of [{ blockSize: 0 }, { blockSize: 4 }])
      for (const length of [9, 13, 21, 21, 25]) {
        prompt = { ...prompt, ids: Int32Array.from([...prompt.ids, ...promptOf(99, 7).ids.slice(9)].slice(0, length)) }
        prompt.ids.fill(9, 2, 5)
        prompt.features = undefined
        const { ids, stats } = await ask(executor, prompt, how)
        expect(ids).toEqual((await ask(apart, prompt, how)).ids)
        cached.push(stats.cachedTokens)
      }
    // Block diffusion's first request ends with its first block: at 12, 16, 24 and 28 tokens.
    expect(cached).toEqual([0, 9, 0, 20, 0, 0, 8, 0, 20, 0])
  })
})

describe("random conversations", () => {
  /** Several people talk at the same time; some begin alike, some say the same, some give up. */
  const turn = fc.record({
    seed: fc.nat({ max: 3 }),
    genLength: fc.integer({ min: 1, max: 10 }),
    gaveUp: fc.constantFrom(false, false, false, true),
    how: fc.constantFrom<How>(
      { blockSize: 0 },
      { blockSize: 0, temperature: 0.7 },
      { blockSize: 3 },
      { blockSize: 4, shift: "next" },
      { blockSize: 4, temperature: 0.7 },
      { blockSize: 4, context: "causal" },
      { blockSize: 2, context: "causal", shift: "next" },
      { blockSize: 4, reference: true },
      { blockSize: -1 },
    ),
  })
  const conversation = fc.record({
    first: fc.record({ length: fc.integer({ min: 1, max: 24 }), seed: fc.nat({ max: 1 }) }),
    turns: fc.array(turn, { minLength: 1, maxLength: 4 }),
  })

  it("get the answers that they get without, within any limit, and leave nothing behind", async () => {
    let reused = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(conversation, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0, 3000, 20_000, 1e8),
        fc.constantFrom(8, 512),
        async (conversations, bytes, mostRows) => {
          const apart = new Executor(model, NOTHING_KEPT)
          const executor = new Executor(model, { mostRows, prefixCache: { bytes, pictureBytes: 0 } })
          const talk = async ({ first, turns }: (typeof conversations)[number]): Promise<void> => {
            let prompt = promptOf(first.length, first.seed)
            for (const { how, genLength, seed, gaveUp } of turns) {
              if (prompt.ids.length > 300) return
              const asked = { ...how, genLength, seed }
              const expected = await ask(apart, prompt, asked)
              if (gaveUp) {
                const abort = new AbortController()
                const run = ask(executor, prompt, asked, abort.signal)
                setImmediate(() => abort.abort(new Error("enough")))
                // It may have been quick enough.
                await run.catch((error: Error) => expect(error.message).toBe("enough"))
              }
              const { ids, stats } = await ask(executor, prompt, asked)
              expect(ids).toEqual(expected.ids)
              reused += stats.cachedTokens ?? 0
              prompt = nextTurn(prompt, ids, seed)
            }
          }
          await Promise.all(conversations.map(talk))
          const { prefixes, running } = executor.statistics()
          expect(prefixes.bytes).toBeLessThanOrEqual(bytes)
          expect(running).toEqual({ sequences: 0, bytes: 0 })
          if (bytes === 0) expect(prefixes.cachedTokens).toBe(0)
          executor.dispose()
          expect(executor.statistics().prefixes.bytes).toBe(0)
        },
      ),
      { numRuns: 25, seed: 12 },
    )
    expect(reused).toBeGreaterThan(500)
  })
})

describe("requests at the same time", () => {
  it("compute what they begin with once", async () => {
    for (const blockSize of [0, 4]) {
      const counted = counting()
      const executor = new Executor(counted.model, { mostRows: 50 })
      const prompt = promptOf(201, 3)
      const how = { blockSize, genLength: 4, temperature: 0.8 }
      const seeds = [1, 2, 3, 4]
      const answers = await Promise.all(seeds.map((seed) => ask(executor, prompt, { ...how, seed })))
      const own = await Promise.all(
        seeds.map((seed) => ask(new Executor(model, NOTHING_KEPT), prompt, { ...how, seed })),
      )
      expect(answers.map(({ ids }) => ids)).toEqual(own.map(({ ids }) => ids))
      expect(answers.map(({ stats }) => stats.cachedTokens)).toEqual([0, 200, 200, 200])
      expect(sum(counted.rows)).toBeLessThan(300)
    }
  })

  it("go on when the one they wait for is given up, and can be given up themselves", async () => {
    const counted = counting()
    const executor = new Executor(counted.model, { mostRows: 40 })
    const prompt = promptOf(401, 3)
    const how = { blockSize: 4, genLength: 4 }
    const [first, second] = [new AbortController(), new AbortController()]
    const runs = [
      ask(executor, prompt, how, first.signal),
      ask(executor, prompt, how, second.signal),
      ask(executor, prompt, how),
    ]
    const settled = Promise.allSettled(runs)
    while (counted.rows.length < 2) await new Promise(setImmediate)
    second.abort(new Error("not needed"))
    await expect(runs[1]).rejects.toThrow("not needed")
    first.abort(new Error("enough"))
    const [a, , c] = await settled
    expect(a).toMatchObject({ status: "rejected", reason: { message: "enough" } })
    const own = await ask(new Executor(model, NOTHING_KEPT), prompt, how)
    expect(c).toMatchObject({ status: "fulfilled", value: { ids: own.ids } })
    // What was computed for the one that was given up is not lost.
    expect(sum(counted.rows)).toBeLessThan(401 + 2 * 40)
    expect(executor.statistics().running.sequences).toBe(0)
  })

  it("do not wait for a little of much", async () => {
    const counted = counting()
    const executor = new Executor(counted.model, { mostRows: 64 })
    const long = promptOf(450, 3)
    const short = {
      ids: Int32Array.from([...long.ids.slice(0, 8), ...promptOf(40, 9).ids.fill(9, 2, 5)]),
      features: long.features,
    }
    let longDone = false
    const run = ask(executor, long, { blockSize: 4, genLength: 4 }).then(() => {
      longDone = true
    })
    await ask(executor, short, { blockSize: 4, genLength: 4 })
    expect(longDone).toBe(false)
    await run
  })

  it("a long prompt and short ones share the forwards: neither waits for the other to end", async () => {
    const order: string[] = []
    const executor = new Executor(model, { mostRows: 32, ...NOTHING_KEPT })
    const talk = async (name: string, length: number, genLength: number): Promise<void> => {
      const prompt = promptOf(length, length)
      const decoding = decodingOf(prompt, { blockSize: 0, genLength })
      for await (const { type } of executor.run(prompt, { ...decoding, choose: sure })) order.push(`${name} ${type}`)
    }
    await Promise.all([talk("short", 3, 60), talk("long", 400, 2), talk("other", 4, 60)])
    const prefilled = order.indexOf("long prefill")
    const stepsBefore = order.slice(0, prefilled).filter((event) => event === "short step").length
    // 400 tokens beside two rows a forward, of 32.
    expect(stepsBefore).toBeGreaterThanOrEqual(12)
    expect(stepsBefore).toBeLessThanOrEqual(16)
    expect(order.indexOf("short done")).toBeGreaterThan(prefilled)
  })
})

/** Always the same token, which ends nothing. */
const sure: Decoding["choose"] = (logits) => ({
  ids: new Int32Array(logits.shape[0]).fill(VOCABULARY - 1),
  confidences: new Float32Array(logits.shape[0]).fill(1),
})

describe("memory", () => {
  it("of a request is known before it runs", async () => {
    const executor = new Executor(model, NOTHING_KEPT)
    for (const how of [
      { blockSize: 0 },
      { blockSize: 4 },
      { blockSize: 4, shift: "next" },
      { blockSize: -1 },
    ] as How[]) {
      const prompt = promptOf(50, 3)
      const decoding = decodingOf(prompt, how)
      const told = executor.requestBytes({ promptTokens: 50, length: decoding.length })
      collect()
      const before = memory().bytes
      let most = 0
      for await (const _ of executor.run(prompt, decoding)) most = Math.max(most, memory().bytes - before)
      const kept = how.shift === "next" ? 0 : VOCABULARY * 8
      // Full diffusion without a cache needs none.
      if (how.blockSize < 0) expect(most).toBeLessThan(told)
      else expect(most).toBe(told - kept)
      expect(executor.requestBytes({ promptTokens: 50, length: 59, pictureTokens: 3 })).toBe(
        executor.requestBytes({ promptTokens: 50, length: 59 }) + prompt.features![0].bytes,
      )
    }
  })

  it("of what is kept is given back by clear and dispose, which keeps nothing more", async () => {
    const prompt = promptOf(40, 3)
    const how = { blockSize: 4 }
    await ask(new Executor(model, NOTHING_KEPT), prompt, how)
    for (let i = 0; i < 3; i++) {
      collect()
      await new Promise(setImmediate)
    }
    const before = memory()
    const executor = new Executor(model)
    await ask(executor, prompt, how)
    const { bytes } = executor.statistics().prefixes
    expect(bytes).toBeGreaterThan(0)
    expect(memory().bytes - before.bytes).toBeLessThanOrEqual(bytes)
    executor.clear()
    expect(memory().bytes).toBeLessThanOrEqual(before.bytes)
    expect(memory().tensors).toBeLessThanOrEqual(before.tensors)
    expect((await ask(executor, prompt, how)).stats.cachedTokens).toBe(0)
    expect((await ask(executor, prompt, how)).stats.cachedTokens).toBe(40)
    executor.dispose()
    await ask(executor, prompt, how)
    expect(executor.statistics().prefixes.bytes).toBe(0)
    expect(memory().bytes).toBeLessThanOrEqual(before.bytes)
    for (const bytes of [-1, Number.NaN])
      expect(() => new Executor(model, { prefixCache: { bytes } })).toThrow(RangeError)
    expect(() => new Executor(model, { prefixCache: { bytes: 5, pictureBytes: 6 } })).toThrow("between 0 and bytes")
  })
})
