/** `diffusionvl generate` and `chat`: their descriptions; what they do is in ../generate.ts and ../chat.ts. */

import type { Command } from "commander"
import { collect, pathOf, wholeNumber } from "../options.js"
import { withDecoding } from "./decoding.js"

/** The options both commands share. */
function withModel(command: Command): Command {
  return withDecoding(
    command
      .option(
        "--model <name>",
        "a folder (also a LoRA adapter's), a .gguf file, a built-in name or a hub id",
        "emoji-diffusion",
      )
      .option("--base <name>", "the model that an adapter belongs to (default: the one that it names)")
      .option("--system <text>", "what the model is told before the conversation")
      .option("--max-tokens <n>", "tokens to generate at most (default: 128)", wholeNumber(1)),
  )
    .option("--dtype <type>", "auto, float32, bfloat16 or float16", "auto")
    .option("--device <name>", "auto, cpu, cuda or mps", "auto")
}

export function register(program: Command): void {
  withModel(program.command("generate"))
    .description("answer one prompt; on a terminal the block is seen denoising")
    .argument("[prompt]", "the question; read from standard input if left out", undefined)
    .option("--image <file>", "a picture to show; may be given several times", collect)
    .option("--json", "print one JSON object with the text and the statistics")
    .option("--json-schema <file>", "the answer is JSON that satisfies the JSON Schema in the file", pathOf("file"))
    .option("--json-object", "the answer is any JSON object")
    .option("--regex <pattern>", "the answer is a text that the whole pattern matches")
    .option("--no-stream", "print the answer when it is whole")
    .action(async (prompt: string | undefined, _, command: Command) => {
      const { generateCommand } = await import("../answer/generate.js")
      await generateCommand(prompt, command.optsWithGlobals())
    })
  withModel(program.command("chat"))
    .description("a conversation on the terminal: /image FILE shows a picture, /reset starts anew, /quit ends")
    .option(
      "--url <address>",
      "ask a server (diffusionvl serve); --model is then one of its models (default: its first)",
    )
    .option("--api-key <key>", "with --url: the key that the server wants (or DIFFUSIONVL_API_KEY)")
    .action(async (_, command: Command) => {
      const { chat } = await import("../answer/chat.js")
      const options = command.optsWithGlobals()
      const model = command.getOptionValueSource("model") === "default" && options.url ? undefined : options.model
      await chat({ ...options, model })
    })
}
