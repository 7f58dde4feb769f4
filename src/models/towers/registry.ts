/** The families of vision towers, a line each; reading their configurations, and building them. */

import type { Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { Registry } from "../../registry.js"
import type { DType } from "../../torch/index.js"
import type { WeightSource } from "../weight-source.js"
import { clip } from "./clip.js"
import { hiddenStatesOf } from "./features.js"
import { idefics3, siglip } from "./siglip.js"
import type { ConfigPlace, FeatureSelection, TileTower, TowerConfig, TowerFamily } from "./tower.js"

const families = new Registry<TowerFamily>("family of towers", [siglip, clip, idefics3] as TowerFamily[])

/** Makes a family of towers known, so that models and `--tower` find it by its model_type. */
export const registerTower = (family: TowerFamily): void => families.register(family)

/** All of them, in the order in which they were made known. */
export const towerFamilies = (): TowerFamily[] => families.all()

/** The family that a model_type means. */
export const towerOfType = (type: unknown): TowerFamily | undefined => families.ofType(type)

/** The family of a configuration. */
export const towerFamilyOf = ({ family }: Pick<TowerConfig, "family">): TowerFamily => families.named(family)

/**
 * A vision_config, or the config.json of a tower alone. `usual` is the model_type where the configuration names none.
 * @throws UserError naming the key that cannot be right
 */
export function readTowerConfig(json: Json, { usual, ...place }: ConfigPlace & { usual?: string }): TowerConfig {
  const type = json.model_type ?? usual
  const family = towerOfType(type)
  if (family) return checked(family, family.read(json, place), place)
  const named = place.key === "" ? "model_type" : `${place.key}.model_type`
  const known = towerFamilies().map(({ title, modelTypes }) => `${modelTypes[0]} (${title})`)
  throw new UserError(type === undefined ? `${named} is missing` : `${named} ${shown(type)} is no known vision tower`, {
    where: place.where,
    fix: `Known are ${known.join(", ")}. A program with a tower of its own calls registerTower first.`,
  })
}

/** What a family reads is what all else counts with. */
function checked<C extends TowerConfig>({ title }: TowerFamily, config: C, { key, where }: ConfigPlace): C {
  const { tileSize, grid, classTokens } = config
  const isGrid =
    Array.isArray(grid) && grid.length === 2 && [tileSize, ...grid].every((side) => isCount(side) && side > 0)
  if (isGrid && isCount(classTokens)) return config
  const what = `tiles of ${shown(tileSize)} pixels per side, ${shown(grid)} features and ${shown(classTokens)} before them`
  throw new UserError(`${key === "" ? "it" : key} makes a tower (${title}) of ${what}, which must be whole numbers`, {
    where,
    fix: "see that its sizes divide into one another",
  })
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/**
 * The tower of a configuration over these weights, computing in `dtype`.
 * @throws UserError when it has no such layer as the selection names
 */
export function buildTower(
  config: TowerConfig,
  selection: FeatureSelection,
  weights: WeightSource,
  dtype: DType,
): TileTower {
  hiddenStatesOf(config, selection)
  return towerFamilyOf(config).build(config, selection, weights, dtype)
}
