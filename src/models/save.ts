/** The one writer of model folders: weights under the names of the family's layout, and the config.json that belongs to them. */
import path from "node:path"
import type { ModelConfig } from "../checkpoint/config.js"
import type { ElementType } from "../checkpoint/element-types.js"
import { writeJson } from "../checkpoint/files.js"
import type { FileDigest } from "../checkpoint/manifest.js"
import { type TensorEntry, type WriteOptions, writeTensors } from "../checkpoint/safetensors/safetensors.js"
import { storedEntries } from "../checkpoint/stored-entries.js"
import { writeAuxiliaryFiles } from "../checkpoint/write-auxiliary-files.js"
import { UserError } from "../errors.js"
import { makeFolder } from "../make-folder.js"
import type { Tensor } from "../torch/index.js"
import { architectureOf, expectedTensors } from "./registry.js"

/** The bytes of a tensor as they go to disk. */
export function tensorBytes(tensor: Tensor): Uint8Array {
  const array = tensor.toArray()
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** Tensors as entries of a weight file, in their own element types; bytes are copied when they are asked for. */
export function tensorEntries(tensors: ReadonlyMap<string, Tensor>): TensorEntry[] {
  return [...tensors].map(([name, tensor]) => ({
    name,
    dtype: tensor.dtype as ElementType,
    shape: [...tensor.shape],
    data: () => tensorBytes(tensor),
  }))
}

/**
 * Writes a model in memory, in the layout and with the configuration that the users of its family expect. `filesFrom`
 * is the folder or GGUF file that tokenizer, preprocessor and chat template are from.
 * @returns what the weight files hold, by name
 */
export async function saveModel(
  folder: string,
  {
    config,
    parameters,
    filesFrom,
    maxShardBytes,
  }: { config: ModelConfig; parameters: ReadonlyMap<string, Tensor>; filesFrom?: string; maxShardBytes?: number },
): Promise<Map<string, FileDigest>> {
  makeFolder(folder)
  if (filesFrom) await writeAuxiliaryFiles(filesFrom, folder)
  return writeModel(folder, config, tensorEntries(parameters), { maxShardBytes })
}

/**
 * Writes a model from entries with canonical names, which must be exactly those of `expectedTensors(config)`. Weights are
 * written before config.json; to make the whole folder appear at once, call this inside `createFolder`.
 */
export async function writeModel(
  folder: string,
  config: ModelConfig,
  entries: TensorEntry[],
  options: WriteOptions = {},
): Promise<Map<string, FileDigest>> {
  requireComplete(config, entries)
  const architecture = architectureOf(config)
  const written = await writeTensors(folder, storedEntries(architecture.layouts(config)[0], entries), options)
  await writeJson(path.join(folder, "config.json"), architecture.write(config, commonType(entries)))
  return written
}

function requireComplete(config: ModelConfig, entries: TensorEntry[]): void {
  const expected = expectedTensors(config)
  const beside = entries.find(
    ({ name }) => /\.(lora(_\d+)?_[AB]\.weight|token_rows)$/.test(name) && !expected.has(name),
  )
  if (beside)
    throw new UserError(`the model has adapters, such as ${beside.name}, which are no part of its weights`, {
      fix: "save them alone (saveAdapter), or merge them with the base (merge)",
    })
  for (const { name, shape } of entries)
    if (expected.get(name)?.join() !== shape.join())
      throw new Error(`tensor ${name} [${shape}] does not belong to the model: expected [${expected.get(name)}]`)
  const given = new Set(entries.map(({ name }) => name))
  const absent = [...expected.keys()].filter((name) => !given.has(name))
  if (absent.length > 0) throw new Error(`the model is to be saved without ${absent.join(", ")}`)
}

/** The type of most of the bytes: what loaders take for the model's type. */
function commonType(entries: { dtype: ElementType; shape: number[] }[]): ElementType {
  const elements = new Map<ElementType, number>()
  for (const { dtype, shape } of entries)
    elements.set(dtype, (elements.get(dtype) ?? 0) + shape.reduce((product, size) => product * size, 1))
  return [...elements].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "float32"
}
