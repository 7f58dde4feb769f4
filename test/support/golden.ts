/** The golden files of the reference implementations, where they are at hand. */

import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { readHeader } from "../../src/checkpoint/safetensors/safetensors.js"
import { decodeImage } from "../../src/image/decode.js"
import { padToSquare, qwenImage } from "../../src/image/processors/qwen.js"
import type { QwenVlConfig } from "../../src/models/families/qwen2_5_vl-read.js"
import type { Model } from "../../src/models/registry.js"
import { mapFile, noGrad, type Tensor, viewBytes } from "../../src/torch/index.js"
import { needs } from "./needs.js"

/** Beside the clone, or where DIFFUSIONVL_FIXTURES says. */
export const goldenFolder =
  process.env.DIFFUSIONVL_FIXTURES ?? resolve(import.meta.dirname, "..", "..", "..", "shared", "fixtures")
export const goldenPresent = existsSync(join(goldenFolder, "manifest.json"))

/** Those of other families than the authors' models, beside it. */
export const goldenFamiliesFolder = resolve(goldenFolder, "..", "fixtures-families")
export const goldenFamiliesPresent = existsSync(goldenFamiliesFolder)
export const needsGoldenFamilies = needs(goldenFamiliesPresent, "golden cases in ../shared/fixtures-families")

/** Those of evaluation, beside it. */
export const goldenEvaluationFolder = resolve(goldenFolder, "..", "fixtures-eval")
export const goldenEvaluationPresent = existsSync(goldenEvaluationFolder)
export const needsGoldenEvaluation = needs(goldenEvaluationPresent, "golden cases in ../shared/fixtures-eval")

/** Tests that need this folder. */
export const needsGolden = needs(
  goldenPresent,
  `golden cases in ${process.env.DIFFUSIONVL_FIXTURES ?? "../shared/fixtures"}`,
)

export const goldenPath = (...path: string[]): string => join(goldenFolder, ...path)

/** Parsed JSON; the shape is the test's to know. */
// biome-ignore lint/suspicious/noExplicitAny: golden files have no types
export const goldenJson = (...path: string[]): any => JSON.parse(readFileSync(goldenPath(...path), "utf8"))

/** Tensors of one file, by name. */
export function goldenTensors(...path: string[]): (name: string) => Tensor {
  const file = goldenPath(...path)
  const { tensors } = readHeader(file)
  const mapped = mapFile(file)
  return (name) => {
    const at = tensors.get(name)
    if (!at) throw new Error(`${file} has no ${name}`)
    return viewBytes(mapped, at.offset, at.dtype, at.shape)
  }
}

export const goldenModelFolder = (name: string): string => goldenPath("models", name)

/** Features of images on a square canvas, within the pixel limits of the model's own config. */
export async function goldenFeatures(model: Model, names: readonly string[]): Promise<Tensor[]> {
  const images = await Promise.all(
    names.map(async (name) =>
      qwenImage(padToSquare(await decodeImage(goldenPath("images", name))), (model.config as QwenVlConfig).image),
    ),
  )
  return noGrad(() => model.encodeImages(images))
}
