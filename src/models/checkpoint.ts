/** A model folder of any family and layout: its configuration and where its weights are. Loads no weights. */

import path from "node:path"
import { arrangeTensors, locateTensors, type WantedTensors } from "../checkpoint/checkpoint.js"
import type { ModelConfig } from "../checkpoint/config.js"
import { ggufFile } from "../checkpoint/gguf/find.js"
import { openGgufModel } from "../checkpoint/gguf/model.js"
import { plainLocation, weightPieces } from "../checkpoint/gguf/weights.js"
import type { TensorView } from "../checkpoint/tensor-view.js"
import { isParts, readParts } from "./compose/parts.js"
import { normaliseConfig, readConfig } from "./read-config.js"
import { architectureOf, expectedTensors } from "./registry.js"

export interface Checkpoint {
  /** The folder, or the GGUF file. */
  folder: string
  config: ModelConfig
  /** Name of the layout that the folder has. */
  layout: string
  /** Canonical name → where its bytes are. Exactly the names and shapes of `expectedTensors(config)`. */
  tensors: Map<string, TensorView>
  /** Weight files in use, base names. */
  weightFiles: string[]
  /** Weight files that lie in the folder and are deliberately not read. */
  ignoredFiles: string[]
}

/** What quantised weights of a GGUF file become. */
export type DequantisedType = "float32" | "bfloat16"

/**
 * Reads the configuration and the tensor locations of a model folder or GGUF file.
 *
 * Trained checkpoints carry the vision weights in their shards. A `vision_tower.safetensors` beside them is a leftover
 * of the conversion, older than the training, and is ignored.
 *
 * @param dequantised of a GGUF file: the type that its quantised weights get when they are read; others stay as they are
 * @throws UserError naming missing, unexpected or mis-shaped tensors; nothing is filled in at random.
 */
export function readCheckpoint(folder: string, dequantised: DequantisedType = "float32"): Checkpoint {
  const gguf = ggufFile(folder)
  if (gguf !== undefined) return readGguf(gguf, dequantised)
  const config = readConfig(folder)
  if (isParts(folder)) return readParts(folder, config, (language) => readCheckpoint(language, dequantised))
  const { layout, ...found } = locateTensors(folder, {
    ...wantedBy(config),
    elsewhere: (stored) => architectureOf(config).elsewhere?.(config, folder, stored) ?? [],
  })
  return { folder, config, layout: layout.name, ...found }
}

/**
 * A model of other files than safetensors: its configuration, and its tensors by the names of one of its family's layouts.
 * @param where the file or folder
 * @throws UserError naming missing, unexpected or mis-shaped tensors
 */
export function checkpointOf(
  config: ModelConfig,
  stored: readonly (readonly [name: string, view: TensorView])[],
  where: string,
): Checkpoint {
  const { layout, tensors } = arrangeTensors(stored, wantedBy(config), where)
  return { folder: where, config, layout: layout.name, tensors, weightFiles: [], ignoredFiles: [] }
}

function readGguf(file: string, dequantised: DequantisedType): Checkpoint {
  const { config, weights } = openGgufModel(file)
  const stored = [...weights].map(([name, { tensor, rowOrder }]): [string, TensorView] => {
    // Rows in another order cannot be mapped as they are.
    const location = rowOrder === undefined ? plainLocation(tensor) : undefined
    const data = (): Iterable<Uint8Array> => weightPieces(tensor, dequantised, rowOrder)
    return [name, location ?? { dtype: dequantised, shape: tensor.shape, data }]
  })
  const weightFiles = [...new Set([...weights.values()].map(({ tensor }) => path.basename(tensor.file)))].sort()
  return { ...checkpointOf(normaliseConfig(config, { where: file }), stored, file), weightFiles }
}

const wantedBy = (config: ModelConfig): WantedTensors => ({
  layouts: architectureOf(config).layouts(config),
  expected: expectedTensors(config),
  tie: config.text.tie,
})
