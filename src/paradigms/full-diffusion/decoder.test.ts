/** Full-diffusion decoding on random models: every step against a forward over everything. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeFullDiffusion } from "../../../test/support/decode.js"
import { EOS, MASK, promptOf, tinyModel, VOCABULARY } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import type { ForwardInput, LanguageModel } from "../../models/types.js"
import { bidirectional } from "../../nn/attention-pattern.js"
import { arange, cat, noGrad, type Tensor, tidy } from "../../torch/index.js"
import type { DecodeDone, DecodeEvent, StepEvent } from "../decode-events.js"
import { embedPrompt, type Prompt } from "../prompt.js"
import type { FullDiffusionDecoderOptions } from "./decoder.js"
import { adaptiveShare, ranking } from "./remasking.js"

const model = tinyModel(3)

/** A prompt of text, with an image of 3 tokens in it when it is long enough. */
async function decode(
  prompt: Prompt,
  options: Partial<FullDiffusionDecoderOptions> & { signal?: AbortSignal },
): Promise<{ steps: StepEvent[]; done: DecodeDone }> {
  const events: DecodeEvent[] = []
  for await (const event of decodeFullDiffusion(model, prompt, { maskToken: MASK, ...options })) events.push(event)
  const done = events[events.length - 1]
  if (done.type !== "done") throw new Error("the last event is not done")
  return { steps: events.filter((event) => event.type === "step"), done }
}

/** The sequence as it is before a step. */
function state(prompt: Prompt, genLength: number, steps: readonly StepEvent[]): (number | undefined)[] {
  const answer = new Array<number | undefined>(genLength).fill(undefined)
  for (const { fixed, positions, ids } of steps)
    for (const position of fixed) {
      const id = ids[positions.indexOf(position)]
      if (id !== MASK) answer[position - prompt.ids.length] = id
    }
  return answer
}

/** Logits [L, V] of everything at once; without the prompt: masks in its place. */
function wholeLogits(prompt: Prompt, answer: readonly (number | undefined)[], withPrompt = true): Tensor {
  const promptRows = withPrompt ? embedPrompt(model, prompt) : model.embed(new Int32Array(prompt.ids.length).fill(MASK))
  const embeddings = cat([promptRows, model.embed(Int32Array.from(answer, (id) => id ?? MASK))]).unsqueeze(0)
  const length = embeddings.shape[1]
  const positions = arange(0, length).unsqueeze(0)
  return model.logits(model.forward({ embeddings, positions, patterns: [bidirectional(length)] }).squeeze(0))
}

const exactSettings = fc.record({
  seed: fc.nat({ max: 1000 }),
  promptLength: fc.integer({ min: 1, max: 20 }),
  blocks: fc.integer({ min: 1, max: 3 }),
  blockSize: fc.integer({ min: 1, max: 8 }),
  stepsPerBlock: fc.integer({ min: 1, max: 9 }),
  shift: fc.constantFrom("same" as const, "next" as const),
  guidance: fc.constantFrom(0, 0, 0.5, 2),
  suppress: fc.constantFrom([], [EOS, 20, 30, MASK]),
  remasking: fc.constantFrom("low_confidence" as const, "random" as const),
  threshold: fc.constantFrom(undefined, undefined, 0.5, 2),
})

describe("full-diffusion decoding", () => {
  it("predicts in every step what a forward over everything predicts, and makes the surest final", async () => {
    let compared = 0
    let unfinished = 0
    await fc.assert(
      fc.asyncProperty(exactSettings, async ({ seed, promptLength, blocks, blockSize, stepsPerBlock, ...options }) => {
        const prompt = promptOf(promptLength, seed)
        const genLength = blocks * blockSize
        const { guidance, suppress, shift, remasking, threshold } = options
        const uniforms: number[] = []
        const random = randomFrom(seed)
        const uniform = (): number => {
          uniforms.push(random())
          return uniforms[uniforms.length - 1]
        }
        const sizes = { genLength, blockSize, steps: stepsPerBlock * blocks }
        const { steps, done } = await decode(prompt, { ...options, ...sizes, uniform })
        for (const [i, { positions, ids, confidences, fixed, block, start, end, step }] of steps.entries()) {
          expect([start, end]).toEqual([promptLength + block * blockSize, promptLength + (block + 1) * blockSize])
          const before = state(prompt, genLength, steps.slice(0, i))
          // All that is masked, in this block or left over in one before it.
          const masked = before.flatMap((id, at) =>
            id === undefined && promptLength + at < end ? [promptLength + at] : [],
          )
          expect([...positions]).toEqual(masked)
          const logs = tidy(() =>
            noGrad(() => {
              let logits = wholeLogits(prompt, before)
              if (guidance > 0) {
                const without = wholeLogits(prompt, before, false)
                logits = without.add(logits.sub(without).mul(guidance + 1))
              }
              for (const id of suppress) logits.narrow(1, id, 1).fill_(Number.NEGATIVE_INFINITY)
              return logits.logSoftmax(1).toArray() as Float64Array
            }),
          )
          const best = masked.map((position) => {
            const row = position - (shift === "next" ? 1 : 0)
            const own = logs.subarray(row * VOCABULARY, (row + 1) * VOCABULARY)
            const id = own.indexOf(Math.max(...own))
            return { id, log: own[id] }
          })
          best.forEach(({ id, log }, at) => {
            expect(ids[at]).toBe(id)
            expect(confidences[at]).toBeCloseTo(Math.exp(log), 5)
            compared++
          })
          const length = promptLength + genLength
          const drawn = uniforms.slice(i * length, (i + 1) * length)
          const scores = remasking === "random" ? masked.map((position) => drawn[position]) : best.map(({ log }) => log)
          const most = ranking(scores).slice(0, fixed.length)
          expect([...fixed]).toEqual(most.map((at) => masked[at]).sort((a, b) => a - b))
          // The block's share of this step.
          const size = steps
            .find((one) => one.block === block)!
            .positions.filter((position) => position >= start).length
          const share = Math.floor(size / stepsPerBlock) + (step < size % stepsPerBlock ? 1 : 0)
          if (threshold === undefined) expect(fixed.length).toBe(Math.min(share, masked.length))
          else {
            const sorted = ranking(scores).map((at) => (remasking === "random" ? scores[at] : Math.exp(scores[at])))
            expect(fixed.length).toBe(adaptiveShare(sorted, threshold))
          }
        }
        const after = state(prompt, genLength, steps)
        expect([...done.ids]).toEqual(after.map((id) => id ?? MASK))
        if (after.includes(undefined)) unfinished++
        expect(done.stats.forwards).toBe(steps.length)
      }),
      { numRuns: 60, seed: 3 },
    )
    expect(compared).toBeGreaterThan(1000)
    // A predicted mask token stays masked, unless it is suppressed.
    expect(unfinished).toBeGreaterThan(0)
  })

  it("ends when the end token and all before it are final: the text is that of going on", async () => {
    let saved = 0
    for (let seed = 0; seed < 12; seed++) {
      const prompt = promptOf(7, seed)
      const options = { genLength: 16, blockSize: 4, eos: [EOS, 10, 11, 12, 13, 14, 15, 16] }
      const [early, late] = [await decode(prompt, options), await decode(prompt, { ...options, reference: true })]
      const end = late.done.eosIndex
      expect(early.done.eosIndex).toBe(end)
      const until = end === undefined ? 16 : end + 1
      expect([...early.done.ids.subarray(0, until)]).toEqual([...late.done.ids.subarray(0, until)])
      expect(late.done.stats.forwards).toBe(16)
      expect(early.done.stats.forwards).toBe(late.done.stats.forwardsToEnd)
      expect(early.done.stats.tokens).toBe(end ?? 16)
      saved += 16 - early.done.stats.forwards
    }
    expect(saved).toBeGreaterThan(20)
  })

  it("ends before a stop sequence, and decides nothing behind it any more", async () => {
    let ended = 0
    let bounded = 0
    for (let seed = 0; seed < 12; seed++) {
      const prompt = promptOf(7, seed)
      const sizes = { genLength: 12, blockSize: 12, steps: 12 }
      const free = await decode(prompt, sizes)
      // Two tokens that the model writes anyhow.
      const stop = [[...free.done.ids.subarray(5, 7)], [VOCABULARY - 1, VOCABULARY - 1]]
      const { steps, done } = await decode(prompt, { ...sizes, stop })
      if (done.ids.length === 12) continue
      ended++
      const stopIn = (answer: (number | undefined)[]): number =>
        answer.findIndex((id, at) => id === stop[0][0] && answer[at + 1] === stop[0][1])
      for (const [i, { positions }] of steps.entries()) {
        const at = stopIn(state(prompt, 12, steps.slice(0, i)))
        if (at < 0) continue
        bounded++
        expect(positions[positions.length - 1] - 7).toBeLessThan(at)
      }
      const last = state(prompt, 12, steps)
      expect([last[done.ids.length], last[done.ids.length + 1]]).toEqual(stop[0])
      expect([...done.ids]).toEqual(last.slice(0, done.ids.length))
      expect(done.ids.includes(MASK)).toBe(false)
      expect(done.stats.tokens).toBe(done.ids.length)
    }
    expect(ended).toBeGreaterThan(3)
    expect(bounded).toBeGreaterThan(3)
  })

  it("with a cache refreshed in every step is exact", async () => {
    for (const shift of ["same", "next"] as const) {
      const options = { genLength: 12, blockSize: 4, shift }
      const exact = await decode(promptOf(9, 4), options)
      const refreshed = await decode(promptOf(9, 4), { ...options, prefixRefresh: 1 })
      expect(refreshed.done.ids).toEqual(exact.done.ids)
      expect(refreshed.done.stats.tokensComputed).toBe(exact.done.stats.tokensComputed)
    }
  })

  it.each(["same", "next"] as const)(
    "between refreshes sees the keys and values of the last one (%s)",
    async (shift) => {
      const prompt = promptOf(9, 5)
      const before = shift === "next" ? 1 : 0
      const { steps } = await decode(prompt, { genLength: 16, blockSize: 8, prefixRefresh: 3, shift })
      expect(steps.map(({ forward }) => forward?.cached).slice(0, 8)).toEqual(
        [0, 9, 9, 0, 9, 9, 0, 9].map((cached) => Math.max(0, cached - before)),
      )
      let cache = model.newCache(25)
      for (const [i, { positions, ids, confidences, start, step, forward }] of steps.entries()) {
        const answer = state(prompt, 16, steps.slice(0, i))
        const first = step % 3 === 0 ? 0 : start - before
        expect(forward).toEqual({ tokens: 25 - first, cached: first, stored: step % 3 === 0 ? start - before : 0 })
        if (first === 0) cache = model.newCache(25)
        const logs = noGrad(() => {
          const all = cat([embedPrompt(model, prompt), model.embed(Int32Array.from(answer, (id) => id ?? MASK))])
          const hidden = model.forward({
            embeddings: all.narrow(0, first, 25 - first).unsqueeze(0),
            positions: arange(first, 25).unsqueeze(0),
            patterns: [bidirectional(25 - first, first)],
            caches: [cache],
          })
          if (first === 0) cache.commit(start - before)
          return model.logits(hidden.squeeze(0)).logSoftmax(1)
        })
        positions.forEach((position, at) => {
          const row = logs.select(0, position - before - first)
          expect(row.argmax().item()).toBe(ids[at])
          expect(row.max().exp().item()).toBeCloseTo(confidences[at], 6)
        })
        expect(positions.length).toBeGreaterThan(0)
      }
    },
  )

  it("draws the same tokens from the same numbers, and others from others", async () => {
    const run = async (seed: number): Promise<string> =>
      (await decode(promptOf(9, 2), { genLength: 8, temperature: 1, uniform: randomFrom(seed) })).done.ids.join()
    expect(await run(1)).toBe(await run(1))
    expect(await run(1)).not.toBe(await run(2))
  })

  it("with guidance computes the answer a second time without the prompt", async () => {
    const rows: number[] = []
    const counting: LanguageModel = Object.create(model, {
      forwardInPieces: {
        value: (input: ForwardInput) => {
          rows.push(input.embeddings.shape[1])
          return model.forwardInPieces(input)
        },
      },
    })
    const options = { maskToken: MASK, genLength: 4, guidance: 1 }
    let done: DecodeDone | undefined
    for await (const event of decodeFullDiffusion(counting, promptOf(9, 2), options))
      if (event.type === "done") done = event
    expect(rows).toEqual([26, 26, 26, 26])
    expect(done?.stats).toMatchObject({ forwards: 4, tokensComputed: 104 })
  })

  it.each([
    [{ blockSize: 5 }, "an answer of 16 tokens is no whole number of blocks of 5"],
    [{ blockSize: 4, steps: 6 }, "6 steps cannot be dealt evenly to 4 blocks"],
    [{ genLength: 0 }, "genLength must be a positive integer, not 0"],
    [{ steps: 1.5 }, "steps must be a positive integer"],
    [{ threshold: -1 }, "threshold must be 0 or more"],
    [{ guidance: Number.NaN }, "guidance must be 0 or more"],
    [{ prefixRefresh: 0 }, "prefixRefresh must be a positive integer"],
    [{ temperature: -1 }, "temperature must be 0 or more"],
    [{ remasking: "static" as "random" }, "remasking must be one of"],
  ])("refuses %o", async (wrong, message) => {
    await expect(decode(promptOf(4, 1), { genLength: 16, ...wrong })).rejects.toThrow(new RegExp(message))
    await expect(decode(promptOf(4, 1), { genLength: 16, ...wrong })).rejects.toThrow(RangeError)
  })
})
