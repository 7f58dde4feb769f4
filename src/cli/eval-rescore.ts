/** Scores a run anew, and prints its scores. */

import { resolve } from "node:path"
import { metricTools } from "../eval/metric-tools.js"
import { rescore } from "../eval/results/rescore.js"
import { printScored } from "./eval.js"
import { interruptible } from "./interrupt.js"
import { downloadObserver } from "./open-model.js"

export interface RescoreCommandOptions {
  compat?: boolean
  partial?: boolean
  encoder?: string
  seed: number
  out?: string
}

export async function rescoreCommand(folder: string, options: RescoreCommandOptions): Promise<void> {
  const { compat, partial, encoder, seed } = options
  const from = resolve(folder)
  const download = downloadObserver("data")
  await interruptible(async (signal) => {
    const tools = metricTools({ encoder, signal })
    const out = resolve(options.out ?? folder)
    const how = { out, compat, partial, seed, signal, tools, download: { signal, onEvent: download.onEvent } }
    printScored(await rescore(from, how))
  })
}
