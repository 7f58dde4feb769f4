/** The files of a LoRA adapter, as PEFT writes them: which folders are adapters, and what their tensors are called. */

import fs from "node:fs"
import path from "node:path"
import { UserError } from "../errors.js"
import { label } from "../readable.js"
import { ADAPTER_CONFIG } from "./peft-config.js"
import { readTorchFile } from "./pickle/torch-file.js"
import { readHeader, type SafetensorsHeader } from "./safetensors/safetensors-header.js"
import { INDEX_FILE, PICKLED_FILE, PICKLED_INDEX, SINGLE_FILE } from "./safetensors/safetensors-index.js"
import type { TensorView } from "./tensor-view.js"

export const ADAPTER_WEIGHTS = "adapter_model.safetensors"
/** The same before safetensors. */
const PICKLED_WEIGHTS = "adapter_model.bin"
/** What PEFT calls the model that it wraps. */
export const PREFIX = "base_model.model."

/**
 * Whether a folder holds an adapter.
 * @throws UserError for one that holds a whole model as well: which of the two is meant, programs do not agree about
 */
export function isAdapter(folder: string): boolean {
  const holds = (name: string): boolean => fs.existsSync(path.join(folder, name))
  if (!holds(ADAPTER_CONFIG)) return false
  const whole = [SINGLE_FILE, INDEX_FILE, PICKLED_FILE, PICKLED_INDEX].find(holds)
  if (whole === undefined) return true
  throw new UserError(`it holds an adapter (${ADAPTER_CONFIG}) and a whole model (${whole})`, {
    where: folder,
    fix: `move the adapter's files into a folder of their own, or take ${ADAPTER_CONFIG} away`,
  })
}

/** Tensors of an adapter's file by what they are. Names are those of transformers' modules, without PEFT's prefix. */
export interface AdapterTensors {
  file: string
  metadata: SafetensorsHeader["metadata"]
  /** By module. */
  lowRank: Map<string, { down?: TensorView; up?: TensorView }>
  /** Learned rows of the embedding. */
  tokenRows?: TensorView
  /** Whole weights, by their names. */
  whole: Map<string, TensorView>
}

/** Two matrices and no more. */
const UNKNOWN: [pattern: RegExp, what: string][] = [
  [/\.lora_embedding_[AB]$/, "adapts the rows of an embedding"],
  [/\.lora_magnitude_vector/, "is a DoRA"],
  [/\.lora_[AB]\.bias$/, "has a bias"],
]

/**
 * @throws UserError for an adapter without weights, and for tensors that no LoRA has
 */
export function openAdapterTensors(folder: string): AdapterTensors {
  const file = [ADAPTER_WEIGHTS, PICKLED_WEIGHTS]
    .map((name) => path.join(folder, name))
    .find((name) => fs.existsSync(name))
  if (file === undefined)
    throw new UserError(`it has no ${ADAPTER_WEIGHTS}`, {
      where: folder,
      fix: `an adapter is a folder with ${ADAPTER_CONFIG} and ${ADAPTER_WEIGHTS}`,
    })
  const { tensors, metadata } = file.endsWith(PICKLED_WEIGHTS)
    ? { tensors: readTorchFile(file), metadata: {} }
    : readHeader(file)
  const found: AdapterTensors = { file, metadata, lowRank: new Map(), whole: new Map() }
  for (const [key, tensor] of tensors) {
    if (!key.startsWith(PREFIX))
      throw new UserError(`tensor ${label(key)} does not begin with ${PREFIX}, as those of PEFT's adapters do`, {
        where: file,
        fix: "save the adapter with PEFT's save_pretrained",
      })
    const name = key.slice(PREFIX.length)
    const unknown = UNKNOWN.find(([pattern]) => pattern.test(name))
    if (unknown)
      throw new UserError(`the adapter ${unknown[1]} (tensor ${label(name)}), which is not supported`, { where: file })
    const [, module, matrix] = /^(.+)\.lora_([AB])\.weight$/.exec(name) ?? []
    if (module !== undefined) {
      const pair = found.lowRank.get(module) ?? {}
      found.lowRank.set(module, { ...pair, [matrix === "A" ? "down" : "up"]: tensor })
    } else if (/\.(token_adapter\.)?trainable_tokens_delta$/.test(name)) found.tokenRows = tensor
    else found.whole.set(name.replace(/\.base_layer\.(\w+)$/, ".$1"), tensor)
  }
  return found
}
