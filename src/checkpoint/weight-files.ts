/** Weights of a model folder, whichever of the usual files they are in. Knows no model. */
import fs from "node:fs"
import path from "node:path"
import { readTorchFile } from "./pickle/torch-file.js"
import { openShards, openTensors, readHeader } from "./safetensors/safetensors.js"
import { INDEX_FILE, PICKLED_FILE, PICKLED_INDEX, SINGLE_FILE } from "./safetensors/safetensors-index.js"
import type { TensorView } from "./tensor-view.js"

/**
 * Tensors of a folder by their stored names: of `model.safetensors` or its shards; only where there are none, of
 * `pytorch_model.bin` or its shards. Nothing in a pickled file is run.
 * @throws UserError when there are no weights, a file is missing or damaged, or index and shards disagree
 */
export function openWeights(folder: string): ReadonlyMap<string, TensorView> {
  const has = (name: string): boolean => fs.existsSync(path.join(folder, name))
  if (!has(SINGLE_FILE) && !has(INDEX_FILE)) {
    if (has(PICKLED_FILE)) return readTorchFile(path.join(folder, PICKLED_FILE))
    if (has(PICKLED_INDEX)) return openShards(folder, path.join(folder, PICKLED_INDEX), readWeightFile)
  }
  return openTensors(folder)
}

/** Tensors of one file, of the format that its name says: safetensors, else what torch.save writes. */
export function readWeightFile(file: string): ReadonlyMap<string, TensorView> {
  return file.endsWith(".safetensors") ? readHeader(file).tensors : readTorchFile(file)
}
