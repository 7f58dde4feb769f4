/** Tiny towers and connectors with what transformers computes of them: test/fixtures/towers/make.py. */

import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { Json } from "../../src/checkpoint/json.js"
import { readHeader } from "../../src/checkpoint/safetensors/safetensors.js"
import { MapWeights } from "../../src/models/weight-source.js"
import { mapFile, type Tensor, viewBytes } from "../../src/torch/index.js"

const folder = resolve(import.meta.dirname, "../fixtures/towers")

interface Merge {
  rows: number
  columns: number
  kept: { top: number; left: number; rows: number; columns: number }
  /** By the N of anyres_max_N. */
  shrunk: Record<string, { rows: number; columns: number }>
}

export const { configs, merges } = JSON.parse(readFileSync(join(folder, "towers.json"), "utf8")) as {
  configs: Record<"clip" | "siglip" | "smolvlm" | "qwen3_vl", Json>
  merges: Merge[]
}

/** Tensors of a case: `tensor("features")`, and weights and gradients by their names. */
export function towerCase(name: string) {
  const file = join(folder, "towers.safetensors")
  const { tensors } = readHeader(file)
  const mapped = mapFile(file)
  const tensor = (key: string): Tensor => {
    const at = tensors.get(`${name}/${key}`)
    if (!at) throw new Error(`${file} has no ${name}/${key}`)
    return viewBytes(mapped, at.offset, at.dtype, at.shape)
  }
  const below = (prefix: string): string[] =>
    [...tensors.keys()].flatMap((key) =>
      key.startsWith(`${name}/${prefix}`) ? [key.slice(name.length + 1 + prefix.length)] : [],
    )
  /** Weights of the model below a prefix, with memory of their own, trainable or not. */
  const entries = (prefix = "", { trainable = false, rename = (key: string) => key } = {}): [string, Tensor][] =>
    below(`weights/${prefix}`).map((key) => {
      const weight = tensor(`weights/${prefix}${key}`).clone()
      return [rename(key), trainable ? weight.requiresGrad_() : weight]
    })
  return {
    tensor,
    entries,
    weights: (...of: Parameters<typeof entries>) => new MapWeights(new Map(entries(...of))),
    /** Names of the weights that have a gradient. */
    gradients: below("gradients/"),
  }
}

/** The largest difference, relative to the largest expected value. */
export function relativeError(actual: Tensor, expected: Tensor): number {
  if (actual.shape.join() !== expected.shape.join()) throw new Error(`[${actual.shape}] is not [${expected.shape}]`)
  return actual.sub(expected).abs().max().item() / expected.abs().max().item()
}
