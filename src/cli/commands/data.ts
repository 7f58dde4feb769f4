/** `diffusionvl data`: the command's description; what it does is in ../data.ts. */

import type { Command } from "commander"
import { folderPath, wholeNumber } from "../options.js"

export function register(program: Command): void {
  program
    .command("data")
    .description("look at training data")
    .command("check")
    .description("go through a LLaVA-format file and name every bad record: file, index, reason")
    .argument("<file>", "JSON array or JSONL")
    .option("--image-root <folder>", "folder that image paths are relative to (default: the file's own)", folderPath)
    .option("--decode", "decode every image, not only look whether it exists")
    .option(
      "--model <name>",
      "a folder or .gguf file: count tokens with this model's tokenizer, and name what is too long to learn from",
    )
    .option(
      "--base <folder>",
      "of a model that is an adapter: what it was trained on (default: what it names)",
      folderPath,
    )
    .option("--recipe <file>", "judge as a training with this recipe would: length, pictures, learned tokens, trust")
    .option("--untrusted", "the records are not trusted: added tokens written in them are text")
    .option("--limit <n>", "look at the first n records only", wholeNumber(1))
    .option("--show", "print the first 10 records (or --limit) as the model reads them, what it learns marked by ⟦ ⟧")
    .option("--json", "print one JSON object per problem and one for the summary")
    .action(async (file: string, options) => {
      const { dataCheck } = await import("../data.js")
      process.exitCode = await dataCheck(file, options)
    })
}
