/** Block decoding on random models: the fast mode, the cache and the autoregressive limit. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeAutoregressive, decodeBlocks } from "../../../test/support/decode.js"
import { EOS, MASK, tinyModel, VOCABULARY } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import { blockCausal, fromDense } from "../../nn/attention-pattern.js"
import { arange, cat, Generator, noGrad, randn, type Tensor } from "../../torch/index.js"
import type { DecodeDone, DecodeEvent } from "../decode-events.js"
import { embedPrompt, type Prompt } from "../prompt.js"
import type { BlockDecoderOptions } from "./decoder.js"
import { REMASKING_STRATEGIES } from "./remasking.js"

const models = [1, 2, 3].map((seed) => tinyModel(seed))
const model = models[0]

/** A prompt of text, with an image of 3 rows in it when it is long enough. */
function promptOf(rows: number, seed: number): Prompt {
  const random = randomFrom(seed)
  const ids = Int32Array.from({ length: rows }, () => 7 + Math.floor(random() * (VOCABULARY - 7)))
  if (rows < 6) return { ids }
  ids.fill(-200, 2, 5)
  return { ids, features: [randn([3, 16], { generator: new Generator(seed), dtype: "float64" })] }
}

async function collect(events: AsyncGenerator<DecodeEvent>): Promise<{ events: DecodeEvent[]; done: DecodeDone }> {
  const all: DecodeEvent[] = []
  for await (const event of events) all.push(event)
  const done = all[all.length - 1]
  if (done.type !== "done") throw new Error("the last event is not done")
  return { events: all, done }
}
const upToEos = ({ ids, eosIndex }: DecodeDone): number[] =>
  Array.from(ids.subarray(0, eosIndex === undefined ? ids.length : eosIndex + 1))

const settings = fc.record({
  weights: fc.nat({ max: models.length - 1 }),
  seed: fc.nat({ max: 1000 }),
  promptRows: fc.integer({ min: 1, max: 30 }),
  genLength: fc.integer({ min: 1, max: 24 }),
  blockSize: fc.constantFrom(1, 2, 3, 4, 8, 64),
  steps: fc.integer({ min: 1, max: 10 }),
  strategy: fc.constantFrom(...REMASKING_STRATEGIES),
  threshold: fc.constantFrom(0.05, 0.3, 0.8),
  shift: fc.constantFrom("same" as const, "next" as const),
  context: fc.constantFrom("block" as const, "causal" as const),
  temperature: fc.constantFrom(0, 0, 1, 0.6),
  topK: fc.constantFrom(0, 5),
  // More ids that end an answer make answers end early often.
  eos: fc.constantFrom([EOS], [EOS, 10, 11, 12, 13, 14, 15]),
  // A likely mask token shows the quirks of predicting it.
  maskToken: fc.constantFrom(MASK, 20, 30),
})

describe("block decoding", () => {
  it("fast = reference up to the first end token, with fewer forwards", async () => {
    const seen = { early: 0, unfinished: 0, all: 0, stored: 0 }
    await fc.assert(
      fc.asyncProperty(settings, async ({ weights, seed, promptRows, ...options }) => {
        const prompt = promptOf(promptRows, seed)
        const run = (reference: boolean) =>
          collect(decodeBlocks(models[weights], prompt, { ...options, reference, uniform: randomFrom(seed) }))
        const [reference, fast] = [await run(true), await run(false)]
        expect(upToEos(fast.done)).toEqual(upToEos(reference.done))
        expect(fast.done.eosIndex).toBe(reference.done.eosIndex)
        // Every forward that only stores is saved: the prompt's and each finished block's. Shifted, what stores also
        // predicts the next block's first token; the last one is saved at least.
        const stores = reference.events.filter((event) => "forward" in event && (event.forward?.stored ?? 0) > 0)
        const saved = options.shift === "same" ? stores.length : Math.min(1, stores.length)
        expect(fast.done.stats.forwards).toBeLessThanOrEqual(reference.done.stats.forwards - saved)
        expect(fast.done.stats.tokensComputed).toBeLessThanOrEqual(reference.done.stats.tokensComputed)
        seen.all++
        seen.stored += stores.length
        if (fast.done.eosIndex !== undefined) seen.early++
        if (reference.done.ids.includes(options.maskToken)) seen.unfinished++
      }),
      { numRuns: 150, seed: 20 },
    )
    // The settings reach the corners: ends inside the answer, and blocks that stay unfinished.
    expect(seen.all).toBe(150)
    expect(seen.stored).toBeGreaterThan(150)
    expect(seen.early).toBeGreaterThan(30)
    expect(seen.unfinished).toBeGreaterThan(10)
  })

  it("the cache changes nothing: every prediction equals that of a forward over all rows", async () => {
    for (const [shift, context] of [
      ["same", "block"],
      ["next", "block"],
      ["same", "causal"],
      ["next", "causal"],
    ] as const) {
      const blockSize = 4
      const blockOf = (row: number): number => Math.floor(row / blockSize)
      const prompt = promptOf(11, 5)
      const { events } = await collect(
        decodeBlocks(model, prompt, { maskToken: MASK, eos: [], blockSize, genLength: 13, steps: 3, shift, context }),
      )
      const answer = new Map<number, number>()
      const promptEmbeddings = noGrad(() => embedPrompt(model, prompt))
      let compared = 0
      for (const event of events) {
        if (event.type !== "step") continue
        noGrad(() => {
          const rows: Tensor[] = Array.from({ length: event.end }, (_, row) =>
            row < 11 ? promptEmbeddings.narrow(0, row, 1) : model.embed(Int32Array.of(answer.get(row) ?? MASK)),
          )
          const embeddings = cat(rows).unsqueeze(0)
          const positions = arange(0, event.end).unsqueeze(0)
          // Only the block under way sees itself as a whole where the context is causal.
          const pattern = fromDense(event.end, (q, k) =>
            context === "causal" && q < event.start ? k <= q : blockOf(k) <= blockOf(q),
          )
          const hidden = model.forward({ embeddings, positions, patterns: [pattern] })
          const logits = model.logits(hidden.squeeze(0))
          event.positions.forEach((position, i) => {
            const row = logits.select(0, shift === "same" ? position : position - 1)
            if (shift === "next") row.narrow(0, MASK, 1).fill_(Number.NEGATIVE_INFINITY)
            expect(event.ids[i]).toBe(row.argmax().item())
            expect(event.confidences[i]).toBeCloseTo(row.softmax(0).max().item(), 6)
            compared++
          })
        })
        for (const position of event.fixed) answer.set(position, event.ids[event.positions.indexOf(position)])
      }
      expect(compared).toBeGreaterThan(13)
    }
  })

  it("at block size 1 with the next-token shift it is greedy decoding of the same weights", async () => {
    const options: BlockDecoderOptions = {
      maskToken: MASK,
      eos: [EOS],
      blockSize: 1,
      steps: 1,
      genLength: 20,
      shift: "next",
    }
    let compared = 0
    for (const own of models) {
      for (const seed of [0, 1, 2, 3]) {
        const prompt = promptOf(9, seed)
        const greedy = await collect(decodeAutoregressive(own, prompt, { eos: [EOS], genLength: 20 }))
        // The one thing block decoding adds is that it never predicts the mask token.
        if (greedy.done.ids.includes(MASK)) continue
        compared++
        const fast = await collect(decodeBlocks(own, prompt, options))
        expect(upToEos(fast.done)).toEqual([...greedy.done.ids])
        expect(fast.done.stats.forwards).toBe(greedy.done.stats.forwards)
        expect(fast.done.stats.tokensComputed).toBe(greedy.done.stats.tokensComputed)
        const reference = await collect(decodeBlocks(own, prompt, { ...options, reference: true }))
        expect(upToEos(reference.done)).toEqual([...greedy.done.ids])
      }
    }
    expect(compared).toBeGreaterThan(4)
  })

  it("a block larger than prompt and answer is one bidirectional block", async () => {
    const { events } = await collect(
      decodeBlocks(model, promptOf(7, 1), {
        maskToken: MASK,
        eos: [],
        blockSize: 40,
        steps: 4,
        genLength: 9,
        shift: "next",
        reference: true,
      }),
    )
    const forwards = events.flatMap((event) => ("forward" in event && event.forward ? [event.forward] : []))
    expect(forwards).toEqual([
      { tokens: 16, cached: 0, stored: 0 },
      { tokens: 16, cached: 0, stored: 16 },
    ])
  })

  it("can lose the blocks that it wrote, and what is left of the prompt, as the authors' LLaDA does", async () => {
    const [prompt, blockSize] = [promptOf(10, 6), 4]
    const base = { maskToken: MASK, eos: [], blockSize, genLength: 10, dropCache: true }
    const { events, done } = await collect(decodeBlocks(model, prompt, { ...base, reference: true }))
    const answer = new Map<number, number>()
    let compared = 0
    for (const event of events) {
      if ("forward" in event && event.forward && event.type !== "prefill") {
        expect(event.forward).toEqual({ tokens: 4, cached: 8, stored: 0 })
      }
      if (event.type !== "step") continue
      noGrad(() => {
        // Eight tokens of the prompt, and the block at its own positions: nothing of what lies between.
        const shown = Array.from({ length: event.end - event.start }, (_, i) => event.start + i)
        const rows = [
          ...Array.from({ length: 8 }, (_, row) => embedPrompt(model, prompt).narrow(0, row, 1)),
          ...shown.map((row) =>
            row < 10
              ? embedPrompt(model, prompt).narrow(0, row, 1)
              : model.embed(Int32Array.of(answer.get(row) ?? MASK)),
          ),
        ]
        const positions = cat([arange(0, 8), arange(event.start, event.end)]).unsqueeze(0)
        const hidden = model.forward({
          embeddings: cat(rows).unsqueeze(0),
          positions,
          patterns: [blockCausal(8 + shown.length, blockSize)],
        })
        const logits = model.logits(hidden.squeeze(0))
        event.positions.forEach((position, i) => {
          const row = logits.select(0, 8 + position - event.start)
          expect(event.ids[i]).toBe(row.argmax().item())
          expect(event.confidences[i]).toBeCloseTo(row.softmax(0).max().item(), 6)
          compared++
        })
      })
      for (const position of event.fixed) answer.set(position, event.ids[event.positions.indexOf(position)])
    }
    expect(compared).toBeGreaterThan(10)
    const fast = await collect(decodeBlocks(model, prompt, base))
    expect(fast.done.ids).toEqual(done.ids)
    expect(fast.done.stats.forwards).toBeLessThan(done.stats.forwards)
    const kept = await collect(decodeBlocks(model, prompt, { ...base, dropCache: false }))
    expect(kept.done.ids).not.toEqual(done.ids)
    await expect(collect(decodeBlocks(model, prompt, { ...base, shift: "next" }))).rejects.toThrow(/dropCache/)
  })

  it("deals the answer's tokens out when one block holds everything, where it is asked to", async () => {
    const run = async (singleBlockSchedule?: "blockSize" | "genLength", blockSize = 40): Promise<number[]> => {
      const options = {
        maskToken: MASK,
        eos: [],
        blockSize,
        steps: 4,
        genLength: 10,
        singleBlockSchedule,
        shift: "next" as const,
      }
      const { events } = await collect(decodeBlocks(model, promptOf(7, 1), options))
      return events.flatMap((event) => (event.type === "step" ? [event.fixed.length] : []))
    }
    expect(await run()).toEqual([10])
    expect(await run("blockSize")).toEqual([10])
    expect(await run("genLength")).toEqual([3, 3, 2, 2])
    expect(await run("genLength", 4)).toEqual(await run("blockSize", 4))
  })

  it("stops when it is aborted, between two forwards", async () => {
    const controller = new AbortController()
    const events: DecodeEvent[] = []
    const options = { maskToken: MASK, eos: [], blockSize: 4, genLength: 40, signal: controller.signal }
    const running = (async () => {
      for await (const event of decodeBlocks(model, promptOf(8, 1), options)) {
        events.push(event)
        if (events.length === 5) setTimeout(() => controller.abort(), 0)
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    })()
    await expect(running).rejects.toThrow(/abort/i)
    expect(events.length).toBeLessThan(10)
  })

  it.each([{ blockSize: 0 }, { steps: 1.5 }, { genLength: 0 }, { threshold: 2 }, { temperature: -1 }])(
    "refuses %o",
    async (wrong) => {
      const options = { maskToken: MASK, eos: [], blockSize: 4, ...wrong }
      await expect(collect(decodeBlocks(model, promptOf(4, 1), options))).rejects.toThrow(RangeError)
    },
  )
})
