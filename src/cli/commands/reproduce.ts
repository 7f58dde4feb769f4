/** `diffusionvl reproduce`: the command's description; what it does is in ../reproduce.ts. */

import { Argument, type Command, Option } from "commander"
import { collect, documentLimit, folderPath, programOf, wholeNumber } from "../options.js"

export function register(program: Command): void {
  program
    .command("reproduce")
    .description(
      "the paper's tables and figures: its numbers beside those of models that are here; goes on where it was stopped",
    )
    .addArgument(
      // Whoever leaves it out is told this name.
      new Argument("<table1-4|figure4|figure5>", "which").choices([
        "table1",
        "table2",
        "table3",
        "table4",
        "figure4",
        "figure5",
      ]),
    )
    .addOption(
      new Option("--scale <scale>", "paper: the paper's benchmarks; small: models and questions that fit two cores")
        .choices(["paper", "small"])
        .default("paper"),
    )
    .option(
      "--models <list>",
      "models to run, with commas between them (default: the paper's, where downloaded)",
      (text) => text.split(",").map((name) => name.trim()),
    )
    .option(
      "--results <folder>",
      "results of `eval` or lmms-eval, which are not run again; may be given several times",
      collect,
    )
    .option("--run <folder>", "of recipes/smollm2-sees: its models and questions stand for the paper's", folderPath)
    .option(
      "--data <task=where>",
      "a file, folder or dataset in the place of the task's own; may be given several times",
      collect,
    )
    .option("--bertscore <name>", "text encoder of BERTScore: a folder or hub id (default: FacebookAI/roberta-large)")
    .option("--limit <n>", "ask the first n documents of each task only; below 1: this part of them", documentLimit)
    .option("--max-tokens <n>", "of figures: tokens of an answer at most (default: 512)", wholeNumber(1))
    .option(
      "--concurrent <n>",
      "answers that are decoded at the same time (default: 8; of the paper's figures 1)",
      wholeNumber(1, 1024),
    )
    .option("--dtype <type>", "auto, float32, bfloat16 or float16", "auto")
    .option("--device <name>", "auto, cpu, cuda or mps", "auto")
    .option("--out <folder>", "where everything is written (default: runs/reproduce-…)", folderPath)
    .action(async (what, options, command: Command) => {
      const { reproduceCommand } = await import("../eval/reproduce.js")
      await reproduceCommand(what, { ...options, program: programOf(command) })
    })
}
