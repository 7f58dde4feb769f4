/** Scores a run anew, and prints its scores. */

import { resolve } from "node:path"
import { rescore } from "../../eval/results/rescore.js"
import { downloadObserver } from "../open-model.js"
import { interruptible } from "../process/interrupt.js"
import { typedCommand } from "../shell.js"
import { printScored } from "./run.js"
import { scoringTools } from "./scoring-tools.js"

export interface RescoreCommandOptions {
  compat?: boolean
  partial?: boolean
  bertscore?: string
  seed: number
  out?: string
  /** What is typed to start the program. */
  program: string
}

export async function rescoreCommand(folder: string, options: RescoreCommandOptions): Promise<void> {
  const { compat, partial, bertscore, seed, program } = options
  const from = resolve(folder)
  const download = downloadObserver("data")
  await interruptible(async (signal) => {
    const tools = scoringTools(bertscore, signal)
    const out = resolve(options.out ?? folder)
    const command = typedCommand(program)
    const how = { out, compat, command, partial, seed, signal, tools, download: { signal, onEvent: download.onEvent } }
    printScored(await rescore(from, how))
  })
}
