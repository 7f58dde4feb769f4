/** Autoregressive decoding: properties on random models, and the golden answers. */

import { beforeAll, describe, expect, it } from "vitest"
import { goldenFeatures, goldenJson, goldenModel, goldenPresent } from "../../../test/support/golden.js"
import { EOS, tinyModel } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import { type MropePositions, mropePositions } from "../../models/mrope-positions.js"
import type { Model } from "../../models/registry.js"
import { causal } from "../../nn/attention-pattern.js"
import { IGNORE, IMAGE } from "../../text/conversation.js"
import { layOut } from "../../text/layout.js"
import { cat, Generator, noGrad, randn, type Tensor } from "../../torch/index.js"
import type { DecodeDone } from "../decode-events.js"
import { embedPrompt, type Prompt, promptPositions } from "../prompt.js"
import { type AutoregressiveDecoderOptions, decodeAutoregressive } from "./decoder.js"

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
    expect(free.stats).toMatchObject({ forwards: 9, forwardsToEnd: 9, tokens: 9, rows: 5 + 8 })
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

interface GoldenCase {
  id: string
  model: string
  images: string[]
  image_grid_thw: [number, number, number][] | null
  eos: number[]
  input_ids: number[]
  max_new_tokens: number
  new_ids: number[]
}
const IMAGE_PAD = 151655

describe.skipIf(!goldenPresent)("golden greedy answers", () => {
  const cases: GoldenCase[] = (goldenPresent ? goldenJson("decode", "ar_greedy.json").cases : []).filter(
    (one: GoldenCase) => one.model === "tiny-qwen2_5_vl",
  )
  let model: Model
  beforeAll(() => {
    model = goldenModel("tiny-qwen2_5_vl")
  })
  it.each(cases)("$id", async (one) => {
    // The golden pictures are this small, whatever the preprocessor file says.
    const limits = { minPixels: 12544, maxPixels: 50176 }
    const features = await goldenFeatures(model, one.images, { pad: false, limits })
    const slots = one.input_ids
      .filter((id, i, all) => id !== IMAGE_PAD || all[i - 1] !== IMAGE_PAD)
      .map((id) => (id === IMAGE_PAD ? IMAGE : id))
    const encoded = { ids: Int32Array.from(slots), labels: new Int32Array(slots.length).fill(IGNORE) }
    const { ids } = layOut(
      encoded,
      features.map(({ shape }) => shape[0]),
    )
    const positions = mropePositions(slots, one.image_grid_thw ?? [], 2)
    const done = await decode(model, { ids, features, positions }, { eos: one.eos, genLength: one.max_new_tokens })
    expect([...done.ids]).toEqual(one.new_ids)
  })
})
