/** `diffusionvl generate` and `chat`: their descriptions; what they do is in ../generate.ts and ../chat.ts. */

import type { Command } from "commander"
import { collect, numberBetween, pathOf, temperature, wholeNumber } from "../options.js"

/** The options both commands share. */
function withDecoding(command: Command): Command {
  return (
    command
      .option(
        "--model <name>",
        "a folder (also a LoRA adapter's), a .gguf file, a built-in name or a hub id",
        "emoji-diffusion",
      )
      .option("--base <name>", "the model that an adapter belongs to (default: the one that it names)")
      .option("--system <text>", "what the model is told before the conversation")
      .option(
        "--mode <name>",
        "decode as autoregressive, block-diffusion or full-diffusion, whatever the model was trained in (default: as trained)",
      )
      .option("--max-tokens <n>", "tokens to generate at most (default: 128)", wholeNumber(1))
      .option("--block-size <n>", "tokens denoised together (default: as trained)", wholeNumber(1))
      .option("--steps <n>", "denoising steps per block (default: the block size)", wholeNumber(1))
      .option("--threshold <p>", "make every token final whose confidence is above", numberBetween(0, 1))
      .option(
        "--remasking <strategy>",
        "low_confidence_static, low_confidence_dynamic or sequential_dynamic (default: as the model asks for, else as the authors); of full diffusion low_confidence or random",
      )
      .option(
        "--guidance <scale>",
        "full diffusion: moves away from the answer without the prompt",
        numberBetween(0, 1000),
      )
      .option("--prefix-refresh <n>", "full diffusion: computes what lies before a block every n steps", wholeNumber(1))
      .option("--stop <text>", "full diffusion: the answer ends before it; may be given several times", collect)
      .option(
        "--temperature <t>",
        "0 takes the most likely token (default: as the model asks for, else 0)",
        temperature,
      )
      .option("--top-k <n>", "sample from the n most likely tokens", wholeNumber(0))
      .option("--top-p <p>", "sample from the most likely tokens up to this probability", numberBetween(0, 1))
      .option("--min-p <p>", "sample from tokens at least this part as likely as the best", numberBetween(0, 1))
      .option(
        "--typical-p <p>",
        "sample from the tokens of typical surprise up to this probability",
        numberBetween(0, 1),
      )
      .option("--repetition-penalty <x>", "above 1: what occurs already is less likely", numberBetween(1e-3, 1e3))
      // Commander takes the name for a negation: the value comes as repeatNgramSize.
      .option("--no-repeat-ngram-size <n>", "no sequence of n tokens occurs twice", wholeNumber(0))
      .option("--min-tokens <n>", "tokens before the answer may end", wholeNumber(0))
      .option("--seed <n>", "of the sampling", wholeNumber(0))
      .option("--no-generation-config", "leave the model's generation_config.json aside")
      .option("--dtype <type>", "auto, float32, bfloat16 or float16", "auto")
      .option("--device <name>", "auto, cpu, cuda or mps", "auto")
  )
}

export function register(program: Command): void {
  withDecoding(program.command("generate"))
    .description("answer one prompt; on a terminal the block is seen denoising")
    .argument("[prompt]", "the question; read from standard input if left out", undefined)
    .option("--image <file>", "a picture to show; may be given several times", collect)
    .option("--json", "print one JSON object with the text and the statistics")
    .option("--json-schema <file>", "the answer is JSON that satisfies the JSON Schema in the file", pathOf("file"))
    .option("--json-object", "the answer is any JSON object")
    .option("--regex <pattern>", "the answer is a text that the whole pattern matches")
    .option("--no-stream", "print the answer when it is whole")
    .action(async (prompt: string | undefined, _, command: Command) => {
      const { generateCommand } = await import("../generate.js")
      await generateCommand(prompt, command.optsWithGlobals())
    })
  withDecoding(program.command("chat"))
    .description("a conversation on the terminal: /image FILE shows a picture, /reset starts anew, /quit ends")
    .option(
      "--url <address>",
      "ask a server (diffusionvl serve); --model is then one of its models (default: its first)",
    )
    .option("--api-key <key>", "with --url: the key that the server wants (or DIFFUSIONVL_API_KEY)")
    .action(async (_, command: Command) => {
      const { chat } = await import("../chat.js")
      const options = command.optsWithGlobals()
      const model = command.getOptionValueSource("model") === "default" && options.url ? undefined : options.model
      await chat({ ...options, model })
    })
}
