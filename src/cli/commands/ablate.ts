/** `diffusionvl ablate`: the commands' descriptions; what they do is in ../ablate.ts. */

import { type Command, InvalidArgumentError, Option } from "commander"
import { collect, documentLimit, folderPath, nameList, numberBetween, programOf, wholeNumber } from "../options.js"

/** `--sizes 1,4,8`: numbers, each once. */
function list(flags: string, description: string, parse: (text: string) => number, numbers?: number[]): Option {
  const option = new Option(flags, description).argParser((text: string) => {
    const numbers = text.split(",").map(parse)
    if (new Set(numbers).size < numbers.length) throw new InvalidArgumentError("A number stands twice in it.")
    return numbers
  })
  return numbers ? option.default(numbers, numbers.join(",")) : option
}

/** What is asked of every variant, and how. */
function withQuestions(command: Command, out: string): Command {
  return command
    .option("--questions <file>", "LLaVA-format JSON or JSONL whose conversations have the expected answers")
    .option(
      "--image-root <folder>",
      "with --questions: folder that image paths are relative to (default: the file's own)",
      folderPath,
    )
    .option(
      "--metric <name>",
      "with --questions: exact, relaxed (numbers within 5 %), word-f1, contains, numeric or bertscore[:FOLDER] (of a text encoder); may be given several times (default: exact and relaxed)",
      collect,
    )
    .option("--tasks <list>", "tasks or task files as `eval` has them, with commas between them", nameList)
    .option(
      "--data <task=where>",
      "with --tasks: a file, folder or dataset in the place of the task's own; may be given several times",
      collect,
    )
    .option("--limit <n>", "ask the first n questions of each task only; below 1: this part of them", documentLimit)
    .option("--compat", "decode and count as the authors' program does, its random guesses included")
    .option(
      "--bertscore <name>",
      "the text encoder of BERTScore, a folder or hub id (or DIFFUSIONVL_BERTSCORE; default: FacebookAI/roberta-large)",
    )
    .option("--against <model>", "another model to measure beside; may be given several times", collect)
    .option("--max-tokens <n>", "tokens of an answer at most (default: 128, or what the task says)", wholeNumber(1))
    .option("--concurrent <n>", "answers that are decoded at the same time", wholeNumber(1, 1024), 8)
    .option("--dtype <type>", "to answer in: auto, float32, bfloat16 or float16", "auto")
    .option("--device <name>", "auto, cpu, cuda or mps", "auto")
    .option("--out <folder>", "where everything is written", folderPath, out)
}

function withModel(command: Command): Command {
  return command
    .requiredOption("--model <name>", "a folder (also a LoRA adapter's), a .gguf file, a built-in name or a hub id")
    .option("--base <name>", "the model that an adapter belongs to (default: the one that it names)")
    .option("--block-size <n>", "tokens denoised together (default: as trained)", wholeNumber(1))
}

export function register(program: Command): void {
  const ablate = program
    .command("ablate")
    .description(
      "what block sizes, steps and thresholds cost and bring: a table and curves in one report; goes on where it was stopped",
    )

  withQuestions(ablate.command("block-size"), "runs/ablate-block-size")
    .description("train each block size from the same start with the same data, then measure it (table 4 of the paper)")
    .argument("[model]", "a folder, a .gguf file or a hub id to start from; the recipe's model if left out")
    .requiredOption("--recipe <file>", "a YAML file, as `train` takes it")
    .option("--set <key=value>", "override a key of the recipe; may be given several times", collect)
    .addOption(list("--sizes <list>", "block sizes", wholeNumber(1), [1, 4, 8, 16]))
    .action(async (model: string | undefined, options, command: Command) => {
      const { ablateBlockSize } = await import("../eval/ablate.js")
      await ablateBlockSize(model, { ...options, program: programOf(command) })
    })
  withModel(withQuestions(ablate.command("steps"), "runs/ablate-steps"))
    .description("denoising steps per block: quality against speed (figure 4)")
    .addOption(
      list("--steps <list>", "steps per block (default: all, ¾, half and ¼ of the block size)", wholeNumber(1)),
    )
    .action(async (options, command: Command) => {
      const { ablateSteps } = await import("../eval/ablate.js")
      await ablateSteps({ ...options, program: programOf(command) })
    })
  withModel(withQuestions(ablate.command("threshold"), "runs/ablate-threshold"))
    .description("thresholds of dynamic remasking: quality against speed (figure 5)")
    .addOption(list("--thresholds <list>", "thresholds", numberBetween(0, 1), [1, 0.8, 0.6, 0.4, 0.2]))
    .option("--remasking <strategy>", "low_confidence_dynamic or sequential_dynamic (default: as the model asks for)")
    .action(async (options, command: Command) => {
      const { ablateThreshold } = await import("../eval/ablate.js")
      await ablateThreshold({ ...options, program: programOf(command) })
    })
}
