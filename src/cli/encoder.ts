/** The text encoder of BERTScore, loaded when a metric asks for it. */

import { resolve } from "node:path"
import type { MetricTools } from "../eval/task/task.js"
import { loadTextEncoder } from "../models/encoders/text-encoder.js"

export function encoderTools(folder: string | undefined): MetricTools | undefined {
  if (folder === undefined) return undefined
  let loaded: ReturnType<typeof loadTextEncoder> | undefined
  return {
    async encoder() {
      loaded ??= loadTextEncoder(resolve(folder))
      return loaded
    },
  }
}
