/** A whole model in one GGUF file, or in the parts of one: configuration, tokenizer, and weights by their usual names. */
import fs from "node:fs"
import path from "node:path"
import { UserError } from "../../errors.js"
import { label } from "../../readable.js"
import type { Json } from "../json.js"
import { architectureOf, configOf } from "./config.js"
import { Fields } from "./fields.js"
import { type GgufFile, type GgufTensor, readGguf } from "./file.js"
import { isAuxiliary, permutedHeads, toHuggingFaceName, unpermutedRows } from "./names.js"
import { type GgufTokenizer, tokenizerOf } from "./tokenizer.js"
import { plainLocation } from "./weights.js"

export interface GgufWeight {
  tensor: GgufTensor
  /** For each row the row of the file, where they differ. */
  rowOrder?: Uint32Array
}

export interface GgufModel {
  /** What config.json would say. */
  config: Json
  /** Made when it is called. */
  tokenizer(): GgufTokenizer
  /** By the names of Hugging Face checkpoints. */
  weights: Map<string, GgufWeight>
}

/**
 * Opens a GGUF file; of a model in parts (`name-00001-of-00003.gguf`) any of them. No weights are read.
 * @throws UserError for a file that is damaged, a part that is missing, and a family, tensor or type that is not known
 */
export function openGgufModel(path: string): GgufModel {
  const file = openParts(path)
  const architecture = architectureOf(file)
  const config = configOf(file)
  const weights = new Map<string, GgufWeight>()
  for (const tensor of file.tensors.values()) {
    if (isAuxiliary(tensor.name)) continue
    const name = toHuggingFaceName(tensor.name)
    if (name === undefined)
      throw new UserError(`tensor ${label(tensor.name)} is none of a ${architecture} model`, { where: tensor.file })
    weights.set(name, { tensor, rowOrder: rowOrderOf(architecture, tensor, config) })
  }
  return { config, tokenizer: () => tokenizerOf(file), weights }
}

function rowOrderOf(architecture: string, tensor: GgufTensor, config: Json): Uint32Array | undefined {
  const heads = permutedHeads(architecture, tensor.name, {
    heads: config.num_attention_heads as number,
    keyValueHeads: config.num_key_value_heads as number,
  })
  if (heads === undefined) return undefined
  const width = config.head_dim as number
  const { shape, type, name, file } = tensor
  if (shape[0] !== heads * width)
    throw new UserError(`tensor ${label(name)} has ${shape[0] ?? 1} rows; its heads have ${heads * width}`, {
      where: file,
    })
  if (shape.length === 1 && plainLocation(tensor) === undefined)
    throw new UserError(`tensor ${label(name)} is a vector of type ${type}, whose order cannot be put back`, {
      where: file,
    })
  return unpermutedRows(heads, width)
}

/** One file with the metadata of the first part and the tensors of all. */
function openParts(given: string): GgufFile {
  const opened = readGguf(given)
  const count = new Fields(opened).optionalNumber("split.count") ?? 1
  if (count <= 1) return opened
  const files = partsOf(given, count).map((part) => (part === given ? opened : readGguf(part)))
  const tensors = new Map<string, GgufTensor>()
  for (const { path, tensors: more } of files)
    for (const [name, tensor] of more) {
      if (tensors.has(name))
        throw new UserError(`tensor ${label(name)} is in another part of the model too`, { where: path })
      tensors.set(name, tensor)
    }
  const total = new Fields(files[0]).optionalNumber("split.tensors.count")
  if (total !== undefined && total !== tensors.size)
    throw new UserError(`its parts have ${tensors.size} of ${total} tensors`, { where: files[0].path })
  return { ...files[0], tensors }
}

function partsOf(given: string, count: number): string[] {
  const [, stem, , total] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(path.basename(given)) ?? []
  if (stem === undefined || Number(total) !== count)
    throw new UserError(`it is one of ${count} parts of a model, and its name does not say which`, {
      where: given,
      fix: `give the parts the names they were published with, such as model-00001-of-${String(count).padStart(5, "0")}.gguf`,
    })
  const parts = Array.from({ length: count }, (_, i) =>
    path.join(path.dirname(given), `${stem}-${String(i + 1).padStart(5, "0")}-of-${total}.gguf`),
  )
  const absent = parts.filter((part) => !fs.existsSync(part))
  if (absent.length > 0)
    throw new UserError(
      `${absent.length} of ${count} parts are missing, the first is ${label(path.basename(absent[0]))}`,
      { where: path.dirname(given), fix: "download the missing files, or the whole model again" },
    )
  return parts.map((part) => (path.basename(part) === path.basename(given) ? given : part))
}
