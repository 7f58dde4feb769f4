/** What metrics that need a model of their own are computed with: had when the first of them asks. */

import { type ResolveOptions, resolveModel } from "../hub/resolve.js"
import { loadTextEncoder, type TextEncoder } from "../models/encoders/text-encoder.js"
import type { MetricTools } from "./task/task.js"

/** What BERTScore is computed with in the paper. */
const PAPER_ENCODER = "FacebookAI/roberta-large"

export interface MetricToolsOptions extends ResolveOptions {
  /** BERTScore's text encoder: a folder or hub id. @default what DIFFUSIONVL_BERTSCORE names, else roberta-large of the hub */
  encoder?: string
}

/** Nothing is loaded before a metric asks; a model that cannot be had is refused then, in a UserError. */
export function metricTools({ encoder, ...options }: MetricToolsOptions = {}): MetricTools {
  const name = encoder ?? process.env.DIFFUSIONVL_BERTSCORE ?? PAPER_ENCODER
  let loading: Promise<TextEncoder> | undefined
  const load = async (): Promise<TextEncoder> => {
    const { folder } = await resolveModel(name, { ...options, kind: "text encoder" })
    return loadTextEncoder(folder)
  }
  return {
    encoder() {
      loading ??= load()
      return loading
    },
    signal: options.signal,
  }
}
