/** The files of a LoRA adapter, as PEFT writes them: which folders are adapters, and what their tensors are called. */

import fs from "node:fs"
import path from "node:path"
import { UserError } from "../errors.js"
import { label } from "../readable.js"
import { ADAPTER_CONFIG } from "./peft-config.js"
import { readHeader, type SafetensorsHeader, type TensorLocation } from "./safetensors-header.js"
import { INDEX_FILE, SINGLE_FILE } from "./safetensors-index.js"

export const ADAPTER_WEIGHTS = "adapter_model.safetensors"
const PICKLE = "adapter_model.bin"
/** What PEFT calls the model that it wraps. */
export const PREFIX = "base_model.model."

/** Whether a folder holds an adapter and no model of its own. */
export function isAdapter(folder: string): boolean {
  const holds = (name: string): boolean => fs.existsSync(path.join(folder, name))
  return holds(ADAPTER_CONFIG) && !holds(SINGLE_FILE) && !holds(INDEX_FILE)
}

/** Tensors of an adapter's file by what they are. Names are those of transformers' modules, without PEFT's prefix. */
export interface AdapterTensors {
  file: string
  metadata: SafetensorsHeader["metadata"]
  /** By module. */
  lowRank: Map<string, { down?: TensorLocation; up?: TensorLocation }>
  /** Learned rows of the embedding. */
  tokenRows?: TensorLocation
  /** Whole weights, by their names. */
  whole: Map<string, TensorLocation>
}

/** Two matrices and no more. */
const UNKNOWN: [pattern: RegExp, what: string][] = [
  [/\.lora_embedding_[AB]$/, "adapts the rows of an embedding"],
  [/\.lora_magnitude_vector/, "is a DoRA"],
  [/\.lora_[AB]\.bias$/, "has a bias"],
]

/**
 * @throws UserError for an adapter of another format than safetensors, and for tensors that no LoRA has
 */
export function openAdapterTensors(folder: string): AdapterTensors {
  const file = path.join(folder, ADAPTER_WEIGHTS)
  if (!fs.existsSync(file)) {
    const isPickle = fs.existsSync(path.join(folder, PICKLE))
    throw new UserError(
      isPickle
        ? `the adapter is stored as ${PICKLE}, a pickle, which can run code and is not read`
        : `it has no ${ADAPTER_WEIGHTS}`,
      {
        where: folder,
        fix: isPickle
          ? "load it with PEFT and save it again: save_pretrained(folder, safe_serialization=True)"
          : `an adapter is a folder with ${ADAPTER_CONFIG} and ${ADAPTER_WEIGHTS}`,
      },
    )
  }
  const { tensors, metadata } = readHeader(file)
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
