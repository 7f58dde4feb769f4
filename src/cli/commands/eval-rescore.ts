/** `diffusionvl eval rescore`: the command's description; what it does is in ../eval-rescore.ts. */

import type { Command } from "commander"
import { folderPath, programOf, wholeNumber } from "../options.js"

export function register(evaluate: Command): void {
  evaluate
    .command("rescore")
    .description("score the answers of a run anew; no model is loaded")
    .argument("<folder>", "what `eval` wrote", folderPath)
    .option("--compat", "count as the authors' program does, its random guesses included (default: as the run was)")
    .option("--no-compat", "guess nothing")
    .option("--partial", "score what there is: answers may be missing")
    .option("--bertscore <name>", "text encoder of BERTScore: a folder or hub id (default: FacebookAI/roberta-large)")
    .option("--seed <n>", "of the intervals", wholeNumber(0), 0)
    .option("--out <folder>", "where the scores are written (default: the folder)", folderPath)
    .action(async (folder: string, options, command: Command) => {
      const { rescoreCommand } = await import("../eval/rescore.js")
      await rescoreCommand(folder, { ...options, program: programOf(command) })
    })
}
