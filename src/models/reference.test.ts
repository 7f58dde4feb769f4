/** Parity with the reference implementations, on the golden files when they are at hand. */

import { existsSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { goldenJson, goldenModel, goldenPath, goldenPresent, goldenTensors } from "../../test/support/golden.js"
import { decodeImage } from "../image/decode.js"
import { qwenImage } from "../image/qwen.js"
import { blockCausal, causal } from "../nn/attention-pattern.js"
import { arange, cat, crossEntropy, noGrad, type Tensor, tensor } from "../torch/index.js"
import { mropePositions } from "./mrope-positions.js"
import type { Qwen25VL } from "./qwen2_5_vl.js"
import type { QwenImageInput } from "./qwen2_5-vision.js"
import { type Grid, visionLayout } from "./qwen2_5-vision-layout.js"

const relative = (ours: Tensor, expected: Tensor): number =>
  ours.sub(expected).abs().max().item() / expected.abs().max().item()
const numbers = (x: Tensor): number[] => x.toNumbers()

const IMAGE_PAD = 151655

/** One slot for each run of image rows. */
const slots = (ids: number[]): number[] =>
  ids.filter((id, i) => id !== IMAGE_PAD || ids[i - 1] !== IMAGE_PAD).map((id) => (id === IMAGE_PAD ? -200 : id))

interface VisionCase {
  key: string
  images: string[]
  grid_thw: Grid[]
  min_pixels: number
  max_pixels: number
}

interface TextCase {
  key: string
  model: string
  kind: string
  images?: string[]
  image_grid_thw?: Grid[] | null
  rope_delta?: number
  ar_loss?: number
  L: number
  D: number
  columns_key: string
}

describe.skipIf(!goldenPresent)("reference values", () => {
  const models = new Map<string, Qwen25VL>()
  const modelOf = (name: string): Qwen25VL => {
    const model = models.get(name) ?? goldenModel(name)
    models.set(name, model)
    return model
  }

  it("vision windows", () => {
    for (const { grid_thw, window_index, cu_window_seqlens } of goldenJson("vision", "cases.json").windows) {
      const layout = visionLayout([grid_thw], 2, 4)
      expect([...layout.windowOrder]).toEqual(window_index)
      let sum = 0
      expect([0, ...layout.windowLengths.map((length) => (sum += length))]).toEqual(cu_window_seqlens)
    }
  })

  const stored: VisionCase[] = goldenPresent ? goldenJson("vision", "cases.json").qwen : []
  it.each(stored)("vision features $key", async (one) => {
    const images: QwenImageInput[] = []
    for (const name of one.images) {
      const decoded = goldenPath("images", "decoded", `${name}.png`)
      const picture = await decodeImage(existsSync(decoded) ? decoded : goldenPath("images", name))
      images.push(qwenImage(picture, { minPixels: one.min_pixels, maxPixels: one.max_pixels }))
    }
    expect(images.map(({ grid }) => grid)).toEqual(one.grid_thw)
    noGrad(() => {
      const features = goldenTensors("vision", "features.safetensors")
      const trained = modelOf("tiny-dvl-qwenvl")
      const tower = trained.vision.tower(images).hidden
      expect(relative(tower, features(`${one.key}.dvl.hidden_window_order`))).toBeLessThan(1e-5)
      expect(relative(cat(trained.encodeImages(images)), features(`${one.key}.dvl.projected`))).toBeLessThan(1e-5)
      const published = modelOf("tiny-qwen2_5_vl")
      expect(relative(cat(published.encodeImages(images)), features(`${one.key}.hf.merged`))).toBeLessThan(1e-5)
    })
  })

  const cases: TextCase[] = goldenPresent
    ? goldenJson("text", "cases.json").filter(
        ({ model }: TextCase) => model === "tiny-qwen2_5_vl" || model === "tiny-dvl-qwenvl",
      )
    : []
  it.each(cases)("logits $key", (one) =>
    noGrad(() => {
      const golden = goldenTensors("text", "logits.safetensors")
      const model = modelOf(one.model)
      const ids = numbers(golden(`${one.key}.input_ids`))
      let embeddings = model.embed(Int32Array.from(ids))
      let positions = arange(0, ids.length).unsqueeze(0)
      if (one.kind === "ar") {
        const { axes, delta } = mropePositions(slots(ids), one.image_grid_thw ?? [], 2)
        expect(axes.map((axis) => [...axis])).toEqual(
          [0, 1, 2].map((i) => numbers(golden(`${one.key}.position_ids`).select(0, i))),
        )
        expect(delta).toBe(one.rope_delta)
        positions = tensor(
          axes.flatMap((axis) => [...axis]),
          [3, 1, ids.length],
          { dtype: "int64" },
        )
        const rows = ids.flatMap((id, i) => (id === IMAGE_PAD ? [i] : []))
        if (rows.length > 0)
          embeddings = embeddings.indexCopy(
            0,
            tensor(rows, undefined, { dtype: "int64" }),
            imageFeatures(one.images ?? []),
          )
      }
      const patterns = [one.kind === "ar" ? causal(ids.length) : blockCausal(ids.length, one.D)]
      const hidden = model.forward({ embeddings: embeddings.unsqueeze(0), positions, patterns })
      const logits = model.logits(hidden.squeeze(0))
      const columns = logits.indexSelect(1, golden(one.columns_key))
      expect(relative(columns, golden(`${one.key}.logits_cols`))).toBeLessThan(2e-5)
      expect(relative(logits.logsumexp([1]), golden(`${one.key}.lse`))).toBeLessThan(2e-5)
      const [best, gaps] = [numbers(logits.argmax(-1)), numbers(golden(`${one.key}.top2_gap`))]
      numbers(golden(`${one.key}.argmax`)).forEach((id, row) => {
        if (gaps[row] > 2e-3) expect(best[row]).toBe(id)
      })
      if (one.ar_loss !== undefined) {
        const labels = golden(`${one.key}.labels`)
          .narrow(0, 1, ids.length - 1)
          .to("int64")
        const loss = crossEntropy(logits.narrow(0, 0, ids.length - 1), labels).item()
        expect(Math.abs(loss / one.ar_loss - 1)).toBeLessThan(1e-5)
      }
    }),
  )
})

/** Stored features of the pictures the text cases use. */
function imageFeatures(images: string[]): Tensor {
  const features = goldenTensors("vision", "features.safetensors")
  const stored: { key: string; images: string[] }[] = goldenJson("vision", "cases.json").qwen
  return cat(
    images.map((image) =>
      features(`${stored.find((one) => one.images.length === 1 && one.images[0] === image)!.key}.hf.merged`),
    ),
  )
}
