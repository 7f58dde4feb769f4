import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { asDiffusion } from "../../test/support/as-diffusion.js"
import { writeSmallTextModel } from "../../test/support/small-text-model.js"
import { UserError } from "../errors.js"
import { loadSession, type Session } from "../generate/session.js"
import { causal } from "../nn/attention-pattern.js"
import { blockDiffusion } from "../paradigms/block-diffusion/paradigm.js"
import { arange, noGrad } from "../torch/index.js"
import { type PerplexityEvent, perplexity, windowsOf } from "./perplexity.js"

const root = mkdtempSync(join(tmpdir(), "perplexity-"))
afterAll(() => rmSync(root, { recursive: true }))

const TEXT = "All of it is green. What colour is this? hello, zebra — é, and so on.\n".repeat(3)
let session: Session
beforeAll(async () => {
  session = loadSession((await writeSmallTextModel(root)).folder, { dtype: "float32" })
})

describe("perplexity", () => {
  it("is that of windows that overlap: each token given those before it in its window", async () => {
    const { model, tokenizer } = session
    const ids = Int32Array.from(tokenizer.encode(TEXT))
    const [window, stride] = [40, 16]
    let sum = 0
    for (let from = 0, known = 1; known < ids.length; from += stride) {
      const seen = ids.slice(from, from + window)
      const logs = noGrad(() => {
        const positions = arange(0, seen.length).unsqueeze(0)
        const patterns = [causal(seen.length)]
        const hidden = model.forward({ embeddings: model.embed(seen).unsqueeze(0), positions, patterns }).squeeze(0)
        return model.logits(hidden).logSoftmax(1)
      })
      for (; known < from + seen.length; known++)
        sum += logs
          .narrow(0, known - from - 1, 1)
          .select(1, ids[known])
          .item()
    }
    const events: PerplexityEvent[] = []
    const found = await perplexity(session, TEXT, { window, stride, onEvent: (event) => events.push(event) })
    expect(found.logLikelihood).toBeCloseTo(sum, 2)
    // Of the same weights and windows by transformers, in float32.
    expect(found.logLikelihood).toBeCloseTo(-1551.79195, 2)
    expect(found.tokens).toBe(ids.length - 1)
    expect(found.tokenPerplexity).toBeCloseTo(Math.exp(-sum / (ids.length - 1)), 2)
    // The first token is an "A": nothing foresees it.
    const bytes = Buffer.byteLength(TEXT) - Buffer.byteLength(tokenizer.decode([ids[0]]))
    expect(found.bytes).toBe(bytes)
    expect(found.bytePerplexity).toBeCloseTo(Math.exp(-found.logLikelihood / bytes), 10)
    expect(found.bitsPerByte).toBeCloseTo(Math.log2(found.bytePerplexity), 10)
    expect(events).toHaveLength(found.windows)
    expect(events.at(-1)).toEqual({
      type: "progress",
      done: found.tokens,
      total: found.tokens,
      tokenPerplexity: found.tokenPerplexity,
    })
  })

  it("of a diffusion model is a likelihood by the chain rule: the autoregressive one in blocks of one token", async () => {
    const converted = asDiffusion(session.config)
    const diffusion: Session = {
      ...session,
      paradigm: blockDiffusion,
      config: { ...converted, tokens: { ...converted.tokens, mask: session.model.vocabSize - 1 } },
    }
    const options = { window: 32, stride: 8 }
    const one = await perplexity(diffusion, TEXT, { ...options, blockSize: 1, shift: "next" })
    expect(one.logLikelihood).toBeCloseTo((await perplexity(session, TEXT, options)).logLikelihood, 2)
    const four = await perplexity(diffusion, TEXT, { ...options, blockSize: 4 })
    expect(Number.isFinite(four.tokenPerplexity)).toBe(true)
    expect(four.logLikelihood).not.toBeCloseTo(one.logLikelihood, 1)
    expect(await perplexity(diffusion, TEXT, { ...options, blockSize: 4 })).toEqual(four)
  })

  it("by the bound, with a standard error, is the same for a seed; in blocks of one token it is exact", async () => {
    const converted = asDiffusion(session.config)
    const diffusion: Session = {
      ...session,
      paradigm: blockDiffusion,
      config: { ...converted, tokens: { ...converted.tokens, mask: session.model.vocabSize - 1 } },
    }
    const options = { window: 32, stride: 8, limit: 60 }
    const measured = (seed: number, samples = 8) =>
      perplexity(diffusion, TEXT, { ...options, blockSize: 4, bound: { samples, seed } })
    const found = await measured(1)
    expect(await measured(1)).toEqual(found)
    const others = await Promise.all([2, 3, 4, 5, 6, 7].map((seed) => measured(seed)))
    const many = await measured(8, 64)
    for (const { logLikelihood, standardError } of [found, ...others]) {
      expect(logLikelihood).not.toBe(many.logLikelihood)
      expect(Math.abs(logLikelihood - many.logLikelihood)).toBeLessThan(
        4 * Math.hypot(standardError!, many.standardError!),
      )
    }
    expect(many.standardError!).toBeLessThan(found.standardError! / 2)
    const one = await perplexity(diffusion, TEXT, {
      ...options,
      blockSize: 1,
      shift: "next",
      bound: { samples: 2, seed: 0 },
    })
    const exact = await perplexity(session, TEXT, options)
    expect(one.logLikelihood).toBeCloseTo(exact.logLikelihood, 2)
    expect(one.standardError).toBe(0)
    expect(await perplexity(session, TEXT, { ...options, bound: { samples: 2, seed: 0 } })).toEqual(exact)
    await expect(measured(1, 0)).rejects.toThrow(/with 0 samples/)
  })

  it("of a part of a text is that of the text that ends there", async () => {
    const { tokenizer } = session
    const part = tokenizer.decode(tokenizer.encode(TEXT).slice(0, 21))
    expect(tokenizer.encode(part)).toEqual(tokenizer.encode(TEXT).slice(0, 21))
    const limited = await perplexity(session, TEXT, { window: 16, limit: 20 })
    expect(limited).toEqual(await perplexity(session, part, { window: 16 }))
    expect(limited.tokens).toBe(20)
    expect(await perplexity(session, TEXT, { limit: 1e6 })).toEqual(await perplexity(session, TEXT))
  })

  it("counts each token once, with context, whatever the windows", () => {
    const sizes = fc.tuple(
      fc.integer({ min: 2, max: 200 }),
      fc.integer({ min: 2, max: 50 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    )
    fc.assert(
      fc.property(sizes, ([length, window, part]) => {
        const stride = 1 + Math.floor(part * (window - 2))
        let counted = 1
        for (const { from, next, to } of windowsOf(length, 1, window, stride)) {
          expect([next, to - from <= window, next > from, to > next]).toEqual([counted, true, true, true])
          counted = to
        }
        expect(counted).toBe(length)
      }),
    )
  })

  it("can be stopped, and says what is impossible", async () => {
    const stop = new AbortController()
    const onEvent = () => stop.abort(new Error("stopped"))
    await expect(perplexity(session, TEXT, { window: 16, signal: stop.signal, onEvent })).rejects.toThrow("stopped")
    await expect(perplexity(session, "")).rejects.toThrow(/too short/)
    await expect(perplexity(session, TEXT, { window: 9999 })).rejects.toThrow(/window of 9999 tokens is impossible/)
    await expect(perplexity(session, TEXT, { limit: 0 })).rejects.toThrow(/limit of 0 tokens/)
    await expect(perplexity(session, TEXT, { mode: "sideways" })).rejects.toThrow(/no mode/)
    await expect(perplexity(session, TEXT, { window: 8, stride: 8 })).rejects.toThrow(UserError)
    await expect(perplexity(session, TEXT, { blockSize: 4 })).rejects.toThrow(UserError)
  })
})
