/** `diffusionvl eval`: the commands' descriptions; what they do is in ../eval.ts. */

import type { Command } from "commander"
import { collect, documentLimit, folderPath, nameList, programOf, wholeNumber } from "../options.js"
import { withDecoding } from "./decoding.js"
import { register as compare } from "./eval-compare.js"
import { register as perplexity } from "./eval-perplexity.js"
import { register as rescore } from "./eval-rescore.js"
import { withLikelihood } from "./likelihood.js"

const ENCODER =
  "the text encoder of BERTScore, a folder or hub id (or DIFFUSIONVL_BERTSCORE; default: FacebookAI/roberta-large)"

/** A command of its own, so that the options of the commands beside it are theirs. */
function registerRun(evaluate: Command): Command {
  const run = evaluate.command("run", { isDefault: true }).description("what `eval` does by itself")
  run
    .argument(
      "[model]",
      "a folder (also a LoRA adapter's), a .gguf file, a built-in name or a hub id; with --url one of the server's models",
    )
    .option(
      "--tasks <list>",
      "names of tasks or groups, or task files, with commas between them, such as mmmu_val,ai2d,mine.yaml or mmm*",
      nameList,
    )
    .option(
      "--data <task=where>",
      "a file, folder or dataset of the hub in the place of the task's own; may be given several times",
      collect,
    )
    .option("--limit <n>", "ask the first n documents of each task only; below 1: this part of them", documentLimit)
    .option("--shard <i/n>", "ask the i-th of n parts only; `eval merge` puts them together")
    .option(
      "--shots <n>",
      "examples before each question of text tasks (default: as many as is usual for the task)",
      wholeNumber(0, 64),
    )
    .option("--out <folder>", "where everything is written (default: runs/eval-MODEL)", folderPath)
    .option("--concurrent <n>", "answers that are decoded at the same time", wholeNumber(1, 1024), 8)
    .option("--retry-failed", "ask documents that failed again; those whose trouble may pass are asked again anyway")
    .option("--compat", "decode and count as the authors' program does, its random guesses included")
    .option("--gen-kwargs <options>", "options of generation as lmms-eval has them: JSON, or gen_length=128,steps=8")
    .option("--bertscore <name>", ENCODER)
    .option("--url <address>", "ask a server with OpenAI's API instead of loading a model")
    .option("--api-key <key>", "with --url: the key that the server wants (or DIFFUSIONVL_API_KEY)")
    .option("--base <name>", "the model that an adapter belongs to (default: the one that it names)")
    .option("--max-tokens <n>", "tokens of an answer at most (default: 128, or what the task says)", wholeNumber(1))
  return withDecoding(withLikelihood(run))
    .option("--dtype <type>", "auto, float32, bfloat16 or float16", "auto")
    .option("--device <name>", "auto, cpu, cuda or mps", "auto")
    .action(async (model: string | undefined, _, command: Command) => {
      const { evaluateCommand } = await import("../eval/run.js")
      await evaluateCommand(model, { ...command.optsWithGlobals(), program: programOf(command) })
    })
}

export function register(program: Command): void {
  const evaluate = program
    .command("eval")
    .usage("[model] --tasks <list> [options]")
    .description("ask a model a benchmark's questions, and score its answers; goes on where it was stopped")
  const run = registerRun(evaluate)
  evaluate.addHelpText("after", () => `\n${run.helpInformation()}`)
  evaluate
    .command("merge")
    .description("put the shards of a run together, and score them")
    .argument("<folders...>", "folders of the shards")
    .requiredOption("--out <folder>", "where the whole run is written", folderPath)
    .option("--bertscore <name>", ENCODER)
    .option("--partial", "score what there is: answers may be missing")
    .action(async (folders: string[], options, command: Command) => {
      const { mergeCommand } = await import("../eval/run.js")
      await mergeCommand(folders, { ...options, program: programOf(command) })
    })
  rescore(evaluate)
  compare(evaluate)
  perplexity(evaluate)
}
