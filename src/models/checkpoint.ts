/** A model folder of any family and layout: its configuration and where its weights are. Loads no weights. */

import { arrangeTensors, locateTensors, type WantedTensors } from "../checkpoint/checkpoint.js"
import type { ModelConfig } from "../checkpoint/config.js"
import type { TensorView } from "../checkpoint/tensor-view.js"
import { readConfig } from "./read-config.js"
import { architectureOf, expectedTensors } from "./registry.js"

export interface Checkpoint {
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

/**
 * Reads the configuration and the tensor locations of a model folder.
 *
 * Trained checkpoints carry the vision weights in their shards. A `vision_tower.safetensors` beside them is a leftover
 * of the conversion, older than the training, and is ignored.
 *
 * @throws UserError naming missing, unexpected or mis-shaped tensors; nothing is filled in at random.
 */
export function readCheckpoint(folder: string): Checkpoint {
  const config = readConfig(folder)
  const { layout, ...found } = locateTensors(folder, wantedBy(config))
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

const wantedBy = (config: ModelConfig): WantedTensors => ({
  layouts: architectureOf(config).layouts(config),
  expected: expectedTensors(config),
  tie: config.text.tie,
})
