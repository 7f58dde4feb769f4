/** What an ablation compares: models and ways of decoding them. Plain data. */

import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import type { TrainingConfig } from "../../train/recipe/config.js"

export interface Variant {
  /** Name of its files: "block-4". */
  key: string
  /** Which curve it is a point of, and what stands beside the point. */
  curve: string
  label: string
  /** Its cells under the plan's columns. */
  cells: readonly string[]
  /** A folder, a built-in name or a hub id. */
  model: string
  /** Of an adapter. */
  base?: string
  /** What makes the model. */
  training?: TrainingConfig
  decoding: DecodingOptions
}

/** For people. */
export const nameOf = ({ curve, label }: Variant): string => (label === "" ? curve : `${curve}, ${label}`)

export interface Plan {
  title: string
  /** What is compared, in a sentence. */
  text: string
  columns: readonly string[]
  variants: readonly Variant[]
}
