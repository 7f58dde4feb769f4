/** Writes a model into a folder: weights under the names of a layout, and the config.json that belongs to it. */
import path from "node:path"
import { type Checkpoint, LAYOUTS } from "./checkpoint.js"
import type { ModelConfig } from "./config.js"
import type { ElementType } from "./element-types.js"
import { expectedTensors } from "./expected-tensors.js"
import { writeJson } from "./files.js"
import { type TensorEntry, type WriteOptions, writeTensors } from "./safetensors.js"
import { toQwenConfig, toReleasedConfig } from "./write-config.js"

/** Layouts that are one set of shards; `converted` is written by `convert` only. */
export type WritableLayout = Exclude<Checkpoint["layout"], "converted">

/** The layout in which a model is saved: its paradigm shows in it, so that loading needs nothing else. */
export function layoutFor(config: ModelConfig): WritableLayout {
  return config.modelType === "qwen2_5_vl" ? "qwen2_5_vl" : "released"
}

/**
 * Saves a model: an autoregressive one as Qwen2.5-VL is published, a block-diffusion one as DiffusionVL is released.
 * Entries have canonical names, and must be exactly those of `expectedTensors(config)`. Weights are written before
 * config.json; to make the whole folder appear at once, call this inside `createFolder`.
 */
export async function writeModel(
  folder: string,
  config: ModelConfig,
  entries: TensorEntry[],
  options: WriteOptions = {},
): Promise<void> {
  requireComplete(config, entries)
  const layout = layoutFor(config)
  const names = LAYOUTS[layout]
  const stored = entries.map((entry) => ({ ...entry, name: names.fromCanonical(entry.name).name }))
  await writeTensors(folder, stored, options)
  const toConfig = layout === "qwen2_5_vl" ? toQwenConfig : toReleasedConfig
  await writeJson(path.join(folder, "config.json"), toConfig(config, commonType(entries)))
}

function requireComplete(config: ModelConfig, entries: TensorEntry[]): void {
  const expected = expectedTensors(config)
  for (const { name, shape } of entries)
    if (expected.get(name)?.join() !== shape.join())
      throw new Error(`tensor ${name} [${shape}] does not belong to the model: expected [${expected.get(name)}]`)
  const given = new Set(entries.map(({ name }) => name))
  const absent = [...expected.keys()].filter((name) => !given.has(name))
  if (absent.length > 0) throw new Error(`the model is to be saved without ${absent.join(", ")}`)
}

/** The type of most of the bytes: what loaders take for the model's type. */
export function commonType(entries: { dtype: ElementType; shape: number[] }[]): ElementType {
  const elements = new Map<ElementType, number>()
  for (const { dtype, shape } of entries)
    elements.set(dtype, (elements.get(dtype) ?? 0) + shape.reduce((product, size) => product * size, 1))
  return [...elements].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "float32"
}
