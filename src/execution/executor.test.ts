/** Many requests on one model: the same tokens as alone, prompt ends, and nothing left behind. */

import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { EOS, MASK, promptOf, tinyConfig, tinyModel } from "../../test/support/tiny-model.js"
import { randomFrom } from "../data/prng.js"
import type { Work } from "../in-turns.js"
import type { QwenVlConfig } from "../models/families/qwen2_5_vl-read.js"
import { newModel } from "../models/registry.js"
import type { ForwardInput, LanguageModel } from "../models/types.js"
import { autoregressiveDecoding } from "../paradigms/autoregressive/decoder.js"
import { blockDecoding } from "../paradigms/block-diffusion/decoder.js"
import type { DecodeDone, DecodeEvent } from "../paradigms/decode-events.js"
import type { Decoding } from "../paradigms/decode-loop.js"
import { fullDiffusionDecoding } from "../paradigms/full-diffusion/decoder.js"
import type { Prompt } from "../paradigms/prompt.js"
import { collect, memory, type Tensor } from "../torch/index.js"
import { Executor } from "./executor.js"

let model: LanguageModel
beforeAll(() => {
  model = tinyModel(4)
})

/** What one request asks for; plain, so that it can be asked again. */
interface Asked {
  length: number
  seed: number
  genLength: number
  blockSize: number
  shift: "same" | "next"
  context: "block" | "causal"
  temperature: number
  threshold: number
}
const asked: fc.Arbitrary<Asked> = fc.record({
  length: fc.integer({ min: 1, max: 30 }),
  seed: fc.nat({ max: 1000 }),
  genLength: fc.integer({ min: 1, max: 16 }),
  // 0 stands for autoregressive decoding, −1 for full diffusion.
  blockSize: fc.constantFrom(-1, -1, 0, 1, 3, 4, 8, 64),
  shift: fc.constantFrom("same" as const, "next" as const),
  context: fc.constantFrom("block" as const, "causal" as const),
  temperature: fc.constantFrom(0, 0.8),
  threshold: fc.constantFrom(0.05, 0.3),
})

function decodingOf(
  prompt: Prompt,
  { seed, genLength, blockSize, shift, context, temperature, threshold }: Asked,
): Decoding {
  const options = { eos: [EOS], genLength, temperature, uniform: randomFrom(seed) }
  if (blockSize === 0) return autoregressiveDecoding(prompt, { ...options, repetitionPenalty: 1.2 }) as Decoding
  if (blockSize < 0) {
    // Guidance, the prefix cache and random remasking in some of them.
    const some = { guidance: seed % 3, prefixRefresh: seed % 2 === 0 ? 2 : undefined }
    const remasking = seed % 5 === 0 ? ("random" as const) : ("low_confidence" as const)
    const half = genLength % 2 === 0 ? genLength / 2 : genLength
    const full = { ...options, ...some, remasking, shift, maskToken: MASK, blockSize: half, suppress: [MASK] }
    return fullDiffusionDecoding(prompt.ids.length, full) as Decoding
  }
  const strategy = "low_confidence_dynamic" as const
  const block = { ...options, blockSize, shift, context, strategy, threshold, maskToken: MASK }
  return blockDecoding(prompt.ids.length, block) as Decoding
}

async function answerOf(events: AsyncGenerator<DecodeEvent>): Promise<number[]> {
  let done: DecodeDone | undefined
  for await (const event of events) if (event.type === "done") done = event
  return [...(done as DecodeDone).ids]
}

const ask = (executor: Executor, what: Asked): Promise<number[]> => {
  const prompt = promptOf(what.length, what.seed)
  return answerOf(executor.run(prompt, decodingOf(prompt, what)))
}

const PLAIN: Asked = {
  length: 20,
  seed: 5,
  genLength: 16,
  blockSize: 4,
  shift: "same",
  context: "block",
  temperature: 0,
  threshold: 0.3,
}

const NOTHING_KEPT = { prefixCache: { bytes: 0 } }

/** What was made since is gone; what others dropped before may be gone too. */
function expectNothingLeft(before: ReturnType<typeof memory>): void {
  expect(memory().tensors).toBeLessThanOrEqual(before.tensors)
  expect(memory().bytes).toBeLessThanOrEqual(before.bytes)
}

describe("an executor", () => {
  it("gives every sequence the tokens that it gets alone, whatever is beside it", async () => {
    let together = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(asked, { minLength: 2, maxLength: 6 }),
        fc.constantFrom(4, 16, 512),
        async (requests, mostRows) => {
          const alone: number[][] = []
          for (const request of requests) alone.push(await ask(new Executor(model, NOTHING_KEPT), request))
          const executor = new Executor(model, { mostRows })
          expect(await Promise.all(requests.map((request) => ask(executor, request)))).toEqual(alone)
          together += requests.length
        },
      ),
      { numRuns: 50, seed: 8 },
    )
    expect(together).toBeGreaterThan(80)
  })

  it("leaves no tensor of full diffusion behind, its companion's and its cache's included", async () => {
    const executor = new Executor(model)
    for (const seed of [4, 5]) {
      const prompt = promptOf(20, seed)
      const what: Asked = { ...PLAIN, seed, genLength: 8, blockSize: -1, shift: "next", temperature: 0.8, threshold: 0 }
      const run = (): Promise<number[]> => answerOf(executor.run(prompt, decodingOf(prompt, what)))
      await run()
      for (let i = 0; i < 3; i++) {
        collect()
        await new Promise(setImmediate)
      }
      const before = memory()
      // More often than there may be tensors of tests before, which are collected meanwhile.
      for (let i = 0; i < 20; i++) await run()
      expectNothingLeft(before)
    }
  })

  it("leaves no tensor behind: after an end, an error, an abort, and when nobody listens any more", async () => {
    const what: Asked = { ...PLAIN, shift: "next" }
    const prompt = promptOf(what.length, what.seed)
    const executor = new Executor(model)
    await answerOf(executor.run(prompt, decodingOf(prompt, what)))
    // What tests before this one dropped is gone after two collections.
    for (let i = 0; i < 3; i++) {
      collect()
      await new Promise(setImmediate)
    }
    // No collection from here on: what a request made it gives back itself.
    const before = memory()
    await answerOf(executor.run(prompt, decodingOf(prompt, what)))
    expectNothingLeft(before)

    const broken: Decoding = {
      ...decodingOf(prompt, what),
      choose: () => {
        throw new RangeError("no token")
      },
    }
    const beside = answerOf(executor.run(prompt, decodingOf(prompt, what)))
    await expect(answerOf(executor.run(prompt, broken))).rejects.toThrow("no token")
    expect((await beside).length).toBe(16)
    expectNothingLeft(before)

    const abort = new AbortController()
    const aborted = executor.run(prompt, decodingOf(prompt, what), { signal: abort.signal })
    await aborted.next()
    abort.abort(new Error("enough"))
    await expect(answerOf(aborted)).rejects.toThrow("enough")
    expectNothingLeft(before)

    for await (const event of executor.run(prompt, decodingOf(prompt, what))) if (event.type === "step") break
    expectNothingLeft(before)
  })

  it("computes a long prompt in pieces, and can be aborted between them", async () => {
    const prompt = promptOf(400, 9)
    const what: Asked = { ...PLAIN, length: 400, seed: 9, genLength: 4 }
    const rows: number[] = []
    const lengths = new Set<number>()
    const counting: LanguageModel = Object.create(model, {
      forwardInPieces: {
        value: (input: ForwardInput) => {
          rows.push(input.embeddings.shape[1])
          if (rows.length <= 4) lengths.add(input.lengths![0])
          return model.forwardInPieces(input)
        },
      },
    })
    const executor = new Executor(counting, { mostRows: 100 })
    expect(await answerOf(executor.run(prompt, decodingOf(prompt, what)))).toEqual(await ask(new Executor(model), what))
    expect(Math.max(...rows)).toBeLessThanOrEqual(104)
    expect(rows.slice(0, 3)).toEqual([100, 100, 100])
    // Every piece is told how long the whole is.
    expect(lengths.size).toBe(1)
    expect([...lengths][0]).toBeGreaterThanOrEqual(400)

    rows.length = 0
    const abort = new AbortController()
    const run = answerOf(executor.run(prompt, decodingOf(prompt, what), { signal: abort.signal }))
    while (rows.length < 2) await new Promise(setImmediate)
    abort.abort(new Error("enough"))
    await expect(run).rejects.toThrow("enough")
    expect(rows.length).toBeLessThanOrEqual(3)
  })

  it("can be aborted between the layers of a forward that cannot be cut", async () => {
    const prompt = promptOf(3000, 9)
    const what: Asked = { ...PLAIN, length: 3000, genLength: 4, blockSize: -1 }
    const config: QwenVlConfig = { ...tinyConfig, text: { ...tinyConfig.text, layers: 8 } }
    const deep = newModel(config, 4, { dtype: "float64" })
    let layers = 0
    const counting: LanguageModel = Object.create(deep, {
      forwardInPieces: {
        *value(input: ForwardInput): Work<Tensor> {
          for (const work = deep.forwardInPieces(input); ; layers++) {
            const step = work.next()
            if (step.done) return step.value
            yield
          }
        },
      },
    })
    const executor = new Executor(counting)
    const run = (signal?: AbortSignal) => answerOf(executor.run(prompt, decodingOf(prompt, what), { signal }))
    await run()
    expect(layers).toBe(4 * 8)
    const before = memory()

    layers = 0
    const abort = new AbortController()
    const aborted = run(abort.signal)
    while (layers < 1) await new Promise(setImmediate)
    abort.abort(new Error("enough"))
    await expect(aborted).rejects.toThrow("enough")
    expect(layers).toBeLessThan(4)
    expectNothingLeft(before)

    // Beside another that is still wanted it is finished, for that one's sake.
    const short = { ...what, length: 9 }
    const [one, other] = [new AbortController(), ask(executor, short)]
    const given = answerOf(executor.run(promptOf(9, 9), decodingOf(promptOf(9, 9), short), { signal: one.signal }))
    one.abort(new Error("enough"))
    await expect(given).rejects.toThrow("enough")
    expect(await other).toEqual(await ask(new Executor(deep), short))
  })
})
