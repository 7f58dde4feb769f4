/** `diffusionvl generate` and `chat`: their descriptions; what they do is in ../generate.ts and ../chat.ts. */

import type { Command } from "commander"
import { collect, numberBetween, wholeNumber } from "../options.js"

/** The options both commands share. */
function withDecoding(command: Command): Command {
  return command
    .option("--model <name>", "a folder, a built-in name or a hub id", "emoji-diffusion")
    .option("--max-tokens <n>", "tokens to generate at most (default: 128)", wholeNumber(1))
    .option("--block-size <n>", "tokens denoised together (default: as trained)", wholeNumber(1))
    .option("--steps <n>", "denoising steps per block (default: the block size)", wholeNumber(1))
    .option("--threshold <p>", "make every token final whose confidence is above", numberBetween(0, 1))
    .option(
      "--remasking <strategy>",
      "low_confidence_static, low_confidence_dynamic or sequential_dynamic (default: as the model asks for, else as the authors)",
    )
    .option("--temperature <t>", "0 takes the most likely token", numberBetween(0, Number.POSITIVE_INFINITY))
    .option("--top-k <n>", "sample from the n most likely tokens", wholeNumber(0))
    .option("--top-p <p>", "sample from the most likely tokens up to this probability", numberBetween(0, 1))
    .option("--seed <n>", "of the sampling", wholeNumber(0))
    .option("--dtype <type>", "auto, float32, bfloat16 or float16", "auto")
    .option("--device <name>", "auto, cpu, cuda or mps", "auto")
}

export function register(program: Command): void {
  withDecoding(program.command("generate"))
    .description("answer one prompt; on a terminal the block is seen denoising")
    .argument("[prompt]", "the question; read from standard input if left out", undefined)
    .option("--image <file>", "a picture to show; may be given several times", collect)
    .option("--json", "print one JSON object with the text and the statistics")
    .option("--no-stream", "print the answer when it is whole")
    .action(async (prompt: string | undefined, options) => {
      const { generateCommand } = await import("../generate.js")
      await generateCommand(prompt, options)
    })
  withDecoding(program.command("chat"))
    .description("a conversation on the terminal: /image FILE shows a picture, /reset starts anew, /quit ends")
    .action(async (options) => {
      const { chat } = await import("../chat.js")
      await chat(options)
    })
}
