/** Golden cases of vision towers: features of pictures, and how windows permute patches. */

import type { QwenVlConfig } from "../../../src/models/families/qwen2_5_vl-read.js"
import { visionLayout } from "../../../src/models/vision/qwen2_5-vision-layout.js"
import { cat, noGrad, type Tensor, tidy } from "../../../src/torch/index.js"
import { expectEqual, expectTensorNear, Mismatch, sha256 } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { qwenVl } from "../image-pads.js"
import { recordsWith } from "../json.js"
import type { ShelfModel } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import type { FixtureCase, Recogniser } from "../types.js"
import { siglipCounts } from "./tiles.js"

type Grid = [number, number, number]

interface FeatureRecord {
  key: string
  images: string[]
  grid_thw: Grid[]
  min_pixels: number
  max_pixels: number
  padded?: boolean
  pixel_values_sha256_f32le?: string
}
interface WindowRecord {
  grid_thw: Grid
  window_index: number[]
  cu_window_seqlens: number[]
}

/** Which of the stored tensors come from which type of model. */
const SOURCES = { dvl: "diffusionvl_qwenvl", hf: "qwen2_5_vl" } as const

export const recogniseVision: Recogniser = (document, folder) => {
  const features = recordsWith(
    document.value,
    "key",
    "images",
    "grid_thw",
    "min_pixels",
  ) as unknown[] as FeatureRecord[]
  const windows = recordsWith(document.value, "grid_thw", "window_index") as unknown[] as WindowRecord[]
  const siglip = recordsWith(document.value, "key", "features_shape")
  if (features.length + windows.length + siglip.length === 0) return []
  const names = folder.tensorNames(document)
  const cases = features.flatMap((record) =>
    (["dvl", "hf"] as const)
      .filter((source) => names.some((name) => name.startsWith(`${record.key}.${source}.`)))
      .map(
        (source): FixtureCase => ({
          id: `${record.key}.${source}`,
          run: () => checkFeatures(record, source, document, folder),
        }),
      ),
  )
  return [
    { kind: "vision features, Qwen2.5-VL", cases },
    {
      kind: "vision windows",
      cases: windows.map((record) => ({ id: record.grid_thw.join(" × "), run: () => checkWindows(record, folder) })),
    },
    ...siglipCounts(siglip, folder, document),
  ]
}

async function checkFeatures(
  record: FeatureRecord,
  source: keyof typeof SOURCES,
  document: JsonDocument,
  folder: FixtureFolder,
): Promise<void> {
  const limits = { minPixels: record.min_pixels, maxPixels: record.max_pixels }
  const images = await folder.pictures.prepared(record.images, document, limits, record.padded === true)
  expectEqual(
    images.flatMap(({ grid }) => grid),
    record.grid_thw.flat(),
    "grids",
  )
  if (record.pixel_values_sha256_f32le) {
    const all = Buffer.concat(images.map(({ pixelValues }) => new Uint8Array(pixelValues.buffer)))
    expectEqual(sha256(all), record.pixel_values_sha256_f32le, "pixel values")
  }

  const prefix = `${record.key}.${source}.`
  const stored = new Map(
    folder
      .tensorNames(document)
      .filter((name) => name.startsWith(prefix))
      .map((name) => [name.slice(prefix.length), folder.tensor(name, document)]),
  )
  const fits = ({ text, vision }: QwenVlConfig): boolean =>
    [...stored].every(
      ([name, { shape, rank }]) => rank < 2 || shape[1] === (name.startsWith("hidden") ? vision : text).hiddenSize,
    )
  const candidates = folder.models
    .ofType(SOURCES[source])
    .filter((model) => fits(folder.models.config(model) as QwenVlConfig))
  folder.models.checkAny(candidates, (model) => {
    const { vision } = folder.models.config(model) as QwenVlConfig
    const windowCells = Math.floor(vision.windowSize / vision.mergeSize / vision.patchSize)
    const loaded = qwenVl(folder.models.load(model))
    noGrad(() =>
      tidy(() => {
        const results: Record<string, () => Tensor> = {
          hidden_window_order: () => loaded.vision.tower(images).hidden,
          projected: () => cat(loaded.encodeImages(images)),
          merged: () => cat(loaded.encodeImages(images)),
        }
        for (const [name, expected] of stored) {
          if (name === "window_index")
            expectEqual(
              visionLayout(record.grid_thw, vision.mergeSize, windowCells).windowOrder,
              expected.toNumbers(),
              name,
            )
          else if (results[name]) expectTensorNear(results[name](), expected, TOLERANCES.features, name)
          else throw new Mismatch(`there is no way to compute ${prefix}${name}`)
        }
      }),
    )
  })
}

/** The table does not say which model's windows it is about. */
function checkWindows(record: WindowRecord, folder: FixtureFolder): void {
  const check = (model: ShelfModel): void => {
    const { vision } = folder.models.config(model) as QwenVlConfig
    const cells = Math.floor(vision.windowSize / vision.mergeSize / vision.patchSize)
    const layout = visionLayout([record.grid_thw], vision.mergeSize, cells)
    expectEqual(layout.windowOrder, record.window_index, "window order")
    const ends = [0]
    for (const length of layout.windowLengths) ends.push(ends[ends.length - 1] + length)
    expectEqual(ends, record.cu_window_seqlens, "window ends")
  }
  folder.models.checkAny([...folder.models.ofType("qwen2_5_vl"), ...folder.models.ofType("diffusionvl_qwenvl")], check)
}
