/** `diffusionvl convert`, `train` and `translate`: their descriptions. */

import type { Command } from "commander"
import { collect, folderPath, programOf, wholeNumber } from "../options.js"

export function register(program: Command): void {
  program
    .command("convert")
    .description("write a model as a checkpoint of another paradigm: weights only, no training")
    .argument("<model>", "a folder, a .gguf file or a hub id")
    .requiredOption("--out <folder>", "where to write", folderPath)
    .option("--merge", "the model is a LoRA adapter: write the whole model that it and its base are together")
    .option("--base <name>", "with --merge: the model that the adapter belongs to (default: the one that it names)")
    .option(
      "--layout <name>",
      "released (as trained models are published) or converted (the authors' training input)",
      "released",
    )
    .option(
      "--paradigm <name>",
      "what it becomes (default: block diffusion); autoregressive leaves it what it is: a .gguf file becomes a folder",
    )
    .option("--dtype <type>", "float32 or bfloat16: what quantised weights of a .gguf file become", "float32")
    .option("--block-size <n>", "block size written to the configuration", wholeNumber(1))
    .option("--shift <way>", "same, or next to predict from the row before")
    .option("--context <way>", "what clean tokens see: block (their own too), or causal as before the conversion")
    .action(async (model: string, options) => {
      const { convertCommand } = await import("../convert.js")
      await convertCommand(model, options)
    })
  program
    .command("train")
    .description("train as a recipe says, in any paradigm; goes on where it was stopped")
    .argument("<recipe>", "a YAML file, such as recipes/qwen2.5-vl-3b.yaml")
    .option(
      "--set <key=value>",
      "override a key of the recipe, such as train.max_steps=100; may be given several times",
      collect,
    )
    .option("--out <folder>", "instead of the recipe's output", folderPath)
    .action(async (recipe: string, options) => {
      const { trainCommand } = await import("../train.js")
      await trainCommand(recipe, options)
    })
  program
    .command("translate")
    .description(
      "convert a model to the paradigm of a recipe (block diffusion if it names none), train it and write a report",
    )
    .argument("[model]", "a folder, a .gguf file or a hub id; the recipe's model if left out")
    .requiredOption("--recipe <file>", "a YAML file, such as recipes/qwen2.5-vl-3b.yaml")
    .option(
      "--tower <name>",
      "the model is a language model, which is to see with this vision tower: a folder or a hub id",
    )
    .option(
      "--connector <name>",
      "between the two: mlp2x_gelu (any depth), linear or pixel_shuffle (default: mlp2x_gelu)",
    )
    .option("--set <key=value>", "override a key of the recipe; may be given several times", collect)
    .option("--out <folder>", "instead of the recipe's output", folderPath)
    .action(async (model: string | undefined, options, command: Command) => {
      const { translateCommand } = await import("../train.js")
      await translateCommand(model, { ...options, program: programOf(command) })
    })
}
