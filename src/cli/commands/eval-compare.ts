/** `diffusionvl eval compare`: the command's description; what it does is in ../eval-compare.ts. */

import type { Command } from "commander"
import { pathOf, programOf, wholeNumber } from "../options.js"

export function register(evaluate: Command): void {
  evaluate
    .command("compare")
    .description("runs over the same documents, each beside the first: differences with intervals, and McNemar's test")
    .argument("<folders...>", "what `eval` or lmms-eval (with --log_samples) wrote")
    .option("--bertscore <name>", "text encoder of BERTScore: a folder or hub id (default: FacebookAI/roberta-large)")
    .option("--seed <n>", "of the intervals", wholeNumber(0), 0)
    .option("--out <file>", "the page that is written", pathOf("file"), "comparison.html")
    .action(async (folders: string[], options, command: Command) => {
      const { compareCommand } = await import("../eval/compare.js")
      await compareCommand(folders, { ...options, program: programOf(command) })
    })
}
