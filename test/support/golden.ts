/** The golden files of the reference implementations, where they are at hand. */

import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { readHeader } from "../../src/checkpoint/safetensors.js"
import { decodeImage } from "../../src/image/decode.js"
import { padToSquare, qwenImage } from "../../src/image/qwen.js"
import type { QwenVlConfig } from "../../src/models/families/qwen2_5_vl-read.js"
import { loadModel } from "../../src/models/load.js"
import type { Qwen25VL } from "../../src/models/qwen2_5_vl.js"
import type { Model } from "../../src/models/registry.js"
import { mapFile, noGrad, type Tensor, viewBytes } from "../../src/torch/index.js"

const folder = resolve(import.meta.dirname, "..", "..", "..", "shared", "fixtures")
export const goldenPresent = existsSync(join(folder, "manifest.json"))

export const goldenPath = (...path: string[]): string => join(folder, ...path)

/** Parsed JSON; the shape is the test's to know. */
// biome-ignore lint/suspicious/noExplicitAny: golden files have no types
export const goldenJson = (...path: string[]): any => JSON.parse(readFileSync(join(folder, ...path), "utf8"))

/** Tensors of one file, by name. */
export function goldenTensors(...path: string[]): (name: string) => Tensor {
  const file = join(folder, ...path)
  const { tensors } = readHeader(file)
  const mapped = mapFile(file)
  return (name) => {
    const at = tensors.get(name)
    if (!at) throw new Error(`${file} has no ${name}`)
    return viewBytes(mapped, at.offset, at.dtype, at.shape)
  }
}

export const goldenModelFolder = (name: string): string => join(folder, "models", name)

/** Most golden models are Qwen2.5-VL or made from it. */
export const goldenModel = (name: string, options: { trainable?: boolean } = {}): Qwen25VL =>
  loadModel(goldenModelFolder(name), { dtype: "float32", device: "cpu", ...options }).model as Qwen25VL

/** Features of images, within the pixel limits of the model's own config unless others are given. */
export async function goldenFeatures(
  model: Model,
  names: readonly string[],
  {
    pad,
    gradients = false,
    limits = (model.config as QwenVlConfig).image,
  }: { pad: boolean; gradients?: boolean; limits?: { minPixels: number; maxPixels: number } },
): Promise<Tensor[]> {
  const images = await Promise.all(
    names.map(async (name) => {
      const image = await decodeImage(join(folder, "images", name))
      return qwenImage(pad ? padToSquare(image) : image, limits)
    }),
  )
  return gradients ? model.encodeImages(images) : noGrad(() => model.encodeImages(images))
}
