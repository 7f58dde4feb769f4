/** `diffusionvl eval perplexity`: the command's description; what it does is in ../eval-perplexity.ts. */

import type { Command } from "commander"
import { pathOf, wholeNumber } from "../options.js"
import { withLikelihood } from "./likelihood.js"

export function register(evaluate: Command): void {
  const perplexity = evaluate
    .command("perplexity")
    .description("how well a model foresees a text: perplexity over windows that overlap")
    .argument("<model>", "a folder (also a LoRA adapter's), a .gguf file, a built-in name or a hub id")
    .argument("<file>", "the text, UTF-8", pathOf("file"))
    .option("--limit <n>", "count the first n tokens only", wholeNumber(1))
    .option(
      "--window <n>",
      "tokens that the model sees at a time (default: 1024, or all its positions)",
      wholeNumber(2),
    )
    .option("--stride <n>", "tokens of each window that are new, and count (default: half of it)", wholeNumber(1))
    .option("--mode <name>", "as autoregressive, block-diffusion or full-diffusion (default: as trained)")
    .option("--block-size <n>", "tokens denoised together (default: as trained)", wholeNumber(1))
  withLikelihood(perplexity)
    .option("--seed <n>", "of the bound's draws", wholeNumber(0))
    .option("--base <name>", "the model that an adapter belongs to (default: the one that it names)")
    .option("--json", "print one JSON object")
    .option("--out <file>", "a JSON file with the same", pathOf("file"))
    .option("--dtype <type>", "auto, float32, bfloat16 or float16", "auto")
    .option("--device <name>", "auto, cpu, cuda or mps", "auto")
    .action(async (model: string, file: string, _, command: Command) => {
      const { perplexityCommand } = await import("../eval/perplexity.js")
      await perplexityCommand(model, file, command.optsWithGlobals())
    })
}
