/** Which features of a tile reach the connector. Plain numbers only. */

import { UserError } from "../../errors.js"
import type { ConfigPlace, FeatureGrid, FeatureSelection, TowerConfig } from "./tower.js"

/** What a tower gives for one tile. */
export interface TileFeatures {
  /** P */
  count: number
  /** Their arrangement; undefined where a class token stands among them, or one of the grid is left out. */
  grid: FeatureGrid | undefined
  /** C */
  channels: number
}

/** What a tower makes of a tile, when these of its hidden states and tokens are taken. */
export function featuresOf(config: TowerConfig, selection: FeatureSelection): TileFeatures {
  const [rows, columns] = config.grid
  const before = config.classTokens - (selection.skipFirst ? 1 : 0)
  return {
    count: rows * columns + before,
    grid: before === 0 ? config.grid : undefined,
    channels: config.hiddenSize * selection.layers.length,
  }
}

/**
 * The hidden states of a selection, counted from 0.
 * @throws UserError when the tower gives no such one
 */
export function hiddenStatesOf(
  { hiddenStates }: Pick<TowerConfig, "hiddenStates">,
  { layers }: Pick<FeatureSelection, "layers">,
  { key, where }: ConfigPlace = { key: "the layer of the vision features" },
): number[] {
  return layers.map((layer) => {
    const index = layer < 0 ? hiddenStates + layer : layer
    if (index >= 0 && index < hiddenStates) return index
    const given = hiddenStates === 1 ? "its last hidden state alone" : `${hiddenStates} hidden states`
    throw new UserError(`${key} is ${layer}, but the tower gives ${given}`, {
      where,
      fix: hiddenStates === 1 ? "use −1" : `use −${hiddenStates} to ${hiddenStates - 1}`,
    })
  })
}
