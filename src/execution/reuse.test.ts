/** What was computed for earlier requests is not computed again, and nobody can tell by the answers. */

import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { ask, counting, type How, NOTHING_KEPT, sum } from "../../test/support/asking.js"
import { promptOf, tinyConfig, tinyModel } from "../../test/support/tiny-model.js"
import { newModel } from "../models/registry.js"
import type { LanguageModel } from "../models/types.js"
import { autoregressiveLikelihoods } from "../paradigms/autoregressive/likelihood.js"
import { blockLikelihoods } from "../paradigms/block-diffusion/likelihood.js"
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

describe("scores", () => {
  const answers = [Int32Array.of(9, 30, 1), Int32Array.of(12, 1), Int32Array.of(9, 31, 14, 15, 16, 1)]
  it.each([
    { blockSize: 0, known: 20 },
    { blockSize: 4, known: 20 },
    { blockSize: 4, shift: "next", known: 20 },
    { blockSize: 4, shift: "next", tokens: 20, known: 16 },
    { blockSize: 4, context: "causal", known: 20 },
    { blockSize: 4, context: "causal", shift: "next", tokens: 20, known: 19 },
  ] as const)("of answers are what they are without, and answers begin with their prompts: %j", async (one) => {
    const {
      blockSize,
      known,
      tokens = 21,
      shift,
      context,
    } = { shift: undefined, context: undefined, ...one } as How & typeof one & { tokens?: number }
    const counted = counting(model)
    const executor = new Executor(counted.model)
    const prompt = promptOf(tokens, 3)
    const score = (of: LanguageModel, about: Prompt, store = executor.prompts): number[] =>
      blockSize === 0
        ? autoregressiveLikelihoods(of, about, answers, store)
        : blockLikelihoods(of, about, answers, { blockSize, shift, context, maskToken: 6, store })
    const close = (some: number[], others: number[]): void => {
      for (const [i, value] of some.entries()) expect(value).toBeCloseTo(others[i], 9)
    }
    const apart = score(model, prompt, new Executor(model, NOTHING_KEPT).prompts)
    close(score(counted.model, prompt), apart)
    close(score(counted.model, prompt), apart)
    expect(counted.rows[0] - counted.rows[1]).toBe(known)
    const { ids, stats } = await ask(executor, prompt, { blockSize, shift, context })
    expect(stats.cachedTokens).toBe(known - (known % Math.max(1, blockSize)))
    const said = Int32Array.from([...prompt.ids, ...ids])
    const next = { ...prompt, ids: said }
    counted.rows.length = 0
    close(score(counted.model, next), score(model, next, new Executor(model, NOTHING_KEPT).prompts))
    score(counted.model, { ...next, features: [prompt.features![0].clone().mul_(2)] })
    expect(counted.rows[1] - counted.rows[0]).toBeGreaterThanOrEqual(20)
    executor.dispose()
  })
})
