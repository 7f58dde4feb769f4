/** A model in memory to a folder that this project and others can load. */

import { join } from "node:path"
import { auxiliaryFiles, copyFiles } from "../checkpoint/auxiliary-files.js"
import type { ModelConfig } from "../checkpoint/config.js"
import { writeJson } from "../checkpoint/files.js"
import { qwen2_5_vl } from "../checkpoint/layouts/qwen2_5_vl.js"
import { released } from "../checkpoint/layouts/released.js"
import type { FileDigest } from "../checkpoint/manifest.js"
import { type ElementType, type TensorEntry, writeTensors } from "../checkpoint/safetensors.js"
import { toQwenConfig, toReleasedConfig } from "../checkpoint/write-config.js"
import { makeFolder } from "../make-folder.js"
import type { Tensor } from "../torch/index.js"

/** The bytes of a tensor as they go to disk. */
export function tensorBytes(tensor: Tensor): Uint8Array {
  const array = tensor.toArray()
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

export function tensorEntries(tensors: ReadonlyMap<string, Tensor>): TensorEntry[] {
  return [...tensors].map(([name, tensor]) => ({
    name,
    dtype: tensor.dtype as ElementType,
    shape: [...tensor.shape],
    data: () => tensorBytes(tensor),
  }))
}

/**
 * Writes weights and config.json: an autoregressive model in the published Qwen2.5-VL layout, a block-diffusion model
 * in the released DiffusionVL layout. `companions` is the folder that tokenizer and preprocessor files are copied from.
 * @returns what the weight files hold, by name
 */
export async function saveModel(
  folder: string,
  {
    config,
    parameters,
    companions,
    maxShardBytes,
  }: { config: ModelConfig; parameters: ReadonlyMap<string, Tensor>; companions?: string; maxShardBytes?: number },
): Promise<Map<string, FileDigest>> {
  const diffusion = config.modelType === "diffusionvl_qwenvl"
  const layout = diffusion ? released : qwen2_5_vl
  const entries = tensorEntries(parameters).map((entry) => ({ ...entry, name: layout.fromCanonical(entry.name).name }))
  makeFolder(folder)
  if (companions) await copyFiles(companions, folder, auxiliaryFiles(companions))
  const written = await writeTensors(folder, entries, { maxShardBytes })
  const dtype = entries[0].dtype
  await writeJson(
    join(folder, "config.json"),
    diffusion ? toReleasedConfig(config, dtype) : toQwenConfig(config, dtype),
  )
  return written
}
