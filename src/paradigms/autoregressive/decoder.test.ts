/** Autoregressive decoding: properties on random models. */

import { describe, expect, it } from "vitest"
import { decodeAutoregressive } from "../../../test/support/decode.js"
import { promptPositions } from "../../../test/support/prompt-positions.js"
import { EOS, tinyModel } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import { type MropePositions, mropePositions } from "../../models/decoder/mrope-positions.js"
import type { Model } from "../../models/registry.js"
import { causal } from "../../nn/attention-pattern.js"
import { cat, Generator, noGrad, randn, type Tensor } from "../../torch/index.js"
import type { DecodeDone } from "../decode-events.js"
import { embedPrompt, type Prompt } from "../prompt.js"
import type { AutoregressiveDecoderOptions } from "./decoder.js"

async function decode(model: Model, prompt: Prompt, options: AutoregressiveDecoderOptions): Promise<DecodeDone> {
  for await (const event of decodeAutoregressive(model, prompt, options)) if (event.type === "done") return event
  throw new Error("no last event")
}

describe("autoregressive decoding", () => {
  const model = tinyModel(4)
  const text: Prompt = { ids: Int32Array.of(8, 9, 10, 11, 12) }
  const positions: MropePositions = mropePositions([8, -200, 9, 10], [[1, 4, 2]], 2)
  const features = [randn([2, 16], { generator: new Generator(3), dtype: "float64" })]
  const picture: Prompt = { ids: Int32Array.of(8, -200, -200, 9, 10), features, positions }

  it.each([
    ["text", text],
    ["a picture and M-RoPE", picture],
  ])("the cache changes nothing: %s", async (_, prompt) => {
    const { ids } = await decode(model, prompt, { eos: [], genLength: 12 })
    expect(ids.length).toBe(12)
    const embedded = noGrad(() => embedPrompt(model, prompt))
    const known: number[] = []
    noGrad(() => {
      for (const id of ids) {
        const parts: Tensor[] = known.length > 0 ? [embedded, model.embed(Int32Array.from(known))] : [embedded]
        const embeddings = cat(parts).unsqueeze(0)
        const rows = embeddings.shape[1]
        const hidden = model.forward({
          embeddings,
          positions: promptPositions(prompt, 0, rows, "cpu"),
          patterns: [causal(rows)],
        })
        expect(
          model
            .logits(hidden.squeeze(0).narrow(0, rows - 1, 1))
            .argmax()
            .item(),
        ).toBe(id)
        known.push(id)
      }
    })
  })

  it("ends behind an end token, and at the asked length", async () => {
    const free = await decode(model, text, { eos: [], genLength: 9 })
    expect(free.ids.length).toBe(9)
    expect(free.eosIndex).toBeUndefined()
    expect(free.stats).toMatchObject({ forwards: 9, forwardsToEnd: 9, tokens: 9, tokensComputed: 5 + 8 })
    const last = free.ids[4]
    const ended = await decode(model, text, { eos: [EOS, last], genLength: 9 })
    const first = free.ids.indexOf(last)
    expect([...ended.ids]).toEqual([...free.ids.subarray(0, first + 1)])
    expect(ended.eosIndex).toBe(first)
    expect(ended.stats).toMatchObject({ tokens: first, forwards: first + 1 })
  })

  it("sampling follows its seed", async () => {
    const options = (seed: number) => ({ eos: [], genLength: 16, temperature: 1.5, uniform: randomFrom(seed) })
    const [a, b, c] = [
      await decode(model, text, options(1)),
      await decode(model, text, options(1)),
      await decode(model, text, options(2)),
    ]
    expect([...a.ids]).toEqual([...b.ids])
    expect([...a.ids]).not.toEqual([...c.ids])
  })

  it("stops when it is aborted", async () => {
    const controller = new AbortController()
    const running = async () => {
      for await (const event of decodeAutoregressive(model, text, {
        eos: [],
        genLength: 50,
        signal: controller.signal,
      }))
        if (event.type === "step" && event.block === 3) controller.abort(new Error("enough"))
    }
    await expect(running()).rejects.toThrow("enough")
  })
})
