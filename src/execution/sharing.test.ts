/** Many requests on one model share what they begin with, the device and its memory. */

import { beforeAll, describe, expect, it } from "vitest"
import { ask, counting, decodingOf, type How, NOTHING_KEPT, sum } from "../../test/support/asking.js"
import { promptOf, tinyModel, VOCABULARY } from "../../test/support/tiny-model.js"
import type { LanguageModel } from "../models/types.js"
import type { Decoding } from "../paradigms/decode-loop.js"
import { collect, memory } from "../torch/index.js"
import { Executor } from "./executor.js"

let model: LanguageModel
beforeAll(() => {
  model = tinyModel(4)
})

describe("requests at the same time", () => {
  it("compute what they begin with once", async () => {
    for (const blockSize of [0, 4]) {
      const counted = counting(model)
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
    const counted = counting(model)
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
    const counted = counting(model)
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
