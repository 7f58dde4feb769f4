/** What was computed for earlier requests is not computed again, and nobody can tell by the answers. */

import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { ask, counting, decodingOf, type How, NOTHING_KEPT, sum } from "../../test/support/asking.js"
import { promptOf, tinyConfig, tinyModel } from "../../test/support/tiny-model.js"
import { newModel } from "../models/registry.js"
import type { LanguageModel } from "../models/types.js"
import type { DecodeLoop, Decoding } from "../paradigms/decode-loop.js"
import type { Prompt } from "../paradigms/prompt.js"
import { Generator, randn } from "../torch/index.js"
import { Executor } from "./executor.js"

let model: LanguageModel
beforeAll(() => {
  model = tinyModel(4)
})

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
    const counted = counting(model)
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

  it("is as sure of every token as without, but for the rounding of sums", async () => {
    const confidences = async (executor: Executor, how: How): Promise<number[]> => {
      const found: number[] = []
      for await (const event of executor.run(promptOf(21, 3), decodingOf(promptOf(21, 3), how)))
        if (event.type === "step") found.push(...event.confidences)
      return found
    }
    for (const blockSize of [0, 4])
      for (const shift of ["same", "next"] as const) {
        const executor = new Executor(model)
        await confidences(executor, { blockSize, shift })
        const [own, apart] = [executor, new Executor(model, NOTHING_KEPT)]
        const [known, expected] = [
          await confidences(own, { blockSize, shift }),
          await confidences(apart, { blockSize, shift }),
        ]
        expect(known).toHaveLength(expected.length)
        // In float64, told in float32.
        for (const [i, value] of known.entries()) expect(Math.abs(value - expected[i])).toBeLessThan(1e-7)
        expect(executor.statistics().prefixes.hits).toBe(1)
      }
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
    // 18 tokens alike: four blocks.
    const other = { ...prompt, ids: prompt.ids.map((id, i) => (i < 18 ? id : 8)) }
    expect(await cached(other, { blockSize: 4, context: "causal" })).toBe(16)
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

describe("a loop of one's own", () => {
  /** [start, end, tokens that stay, block size] of each forward over these ids. */
  type Step = readonly [start: number, end: number, commit: number, blockSize: number]
  const scripted = (ids: Int32Array, steps: readonly Step[]): Decoding => ({
    length: ids.length,
    choose: () => ({ ids: new Int32Array(), confidences: new Float32Array() }),
    loop: (function* (): DecodeLoop {
      for (const [start, end, commit, blockSize] of steps)
        yield { type: "forward", start, ids: ids.slice(start, end), blockSize, commit, wanted: new Int32Array() }
      const stats = { forwards: 0, tokensComputed: 0, tokens: 0, forwardsToEnd: 0, milliseconds: 0 }
      yield { type: "done", ids: new Int32Array(), stats }
    })(),
  })
  const all = { ids: Int32Array.from({ length: 24 }, (_, i) => 7 + ((i * i * 5 + i) % 50)) }

  it.each<{ what: string; steps: Step[]; known: number }>([
    {
      what: "whole blocks, in any portions",
      steps: [
        [0, 4, 4, 4],
        [4, 16, 8, 4],
        [12, 20, 8, 4],
      ],
      known: 20,
    },
    {
      what: "nothing behind a block that was left out",
      steps: [
        [0, 8, 8, 4],
        [12, 20, 8, 4],
        [20, 24, 4, 4],
      ],
      known: 8,
    },
    {
      what: "no part of a block, and nothing behind it",
      steps: [
        [0, 6, 6, 4],
        [6, 12, 6, 4],
        [12, 16, 4, 4],
      ],
      known: 4,
    },
    {
      what: "other blocks only as far as the first",
      steps: [
        [0, 8, 8, 4],
        [8, 16, 8, 8],
        [16, 20, 4, 4],
      ],
      known: 8,
    },
    {
      what: "what was computed again, once",
      steps: [
        [0, 16, 16, 4],
        [8, 16, 4, 4],
        [12, 16, 4, 4],
      ],
      known: 16,
    },
    {
      what: "nothing of a block that was begun anew inside",
      steps: [
        [0, 8, 8, 4],
        [8, 16, 8, 4],
        [10, 18, 8, 4],
        [18, 20, 2, 4],
      ],
      known: 8,
    },
    {
      what: "nothing that sees all",
      steps: [
        [0, 16, 16, Number.POSITIVE_INFINITY],
        [16, 20, 4, 4],
      ],
      known: 0,
    },
  ])("$what", async ({ steps, known }) => {
    const executor = new Executor(model)
    const prompt = { ids: all.ids.slice(0, 5) }
    for await (const _ of executor.run(prompt, scripted(all.ids, steps)));
    const { ids, stats } = await ask(executor, all, { blockSize: 4 })
    expect(stats.cachedTokens).toBe(known)
    expect(ids).toEqual((await ask(new Executor(model, NOTHING_KEPT), all, { blockSize: 4 })).ids)
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
    first: fc.record({ length: fc.integer({ min: 1, max: 40 }), seed: fc.nat({ max: 1 }) }),
    turns: fc.array(turn, { minLength: 1, maxLength: 4 }),
  })

  it("get the answers that they get without, within any limit, and leave nothing behind", async () => {
    let reused = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(conversation, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0, 3000, 20_000, 1e8, 1e8),
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
    // It depends on who is quick enough.
    expect(reused).toBeGreaterThan(200)
  })
})
