/** `diffusionvl serve`: its description; what it does is in ../serve.ts. */

import type { Command } from "commander"
import { collect, folderPath, numberBetween, wholeNumber } from "../options.js"

export function register(program: Command): void {
  program
    .command("serve")
    .description(
      "answer over HTTP as OpenAI's and Anthropic's APIs do, with a page to try models; docs/guide/serving.md",
    )
    .argument(
      "[model...]",
      "folders, .gguf files, built-in names or hub ids; NAME=MODEL is called NAME (default: emoji-diffusion emoji-ar)",
    )
    .option("--port <n>", "where to listen; 0 takes any port that is free", wholeNumber(0, 65535), 8080)
    .option("--host <address>", "where to listen; others than a loopback address need a key", "127.0.0.1")
    .option(
      "--api-key <key>",
      "a key that requests must show; may be given several times (or DIFFUSIONVL_API_KEY)",
      collect,
    )
    .option("--no-auth", "whoever reaches the server may ask")
    .option(
      "--allowed-host <name>",
      "another name that the server may be asked by; may be given several times",
      collect,
    )
    .option("--cors-origin <origin>", "pages of this origin may ask too; may be given several times", collect)
    .option("--allow-remote-images", "follow http and https addresses of pictures, never to private networks")
    .option("--image-root <folder>", "pictures below it may be named by file:///…", folderPath)
    .option("--runs <folder>", "trainings that the page shows", folderPath, "runs")
    .option("--concurrent <n>", "answers under way at a time", wholeNumber(1), 16)
    .option("--queue <n>", "requests that may wait", wholeNumber(0), 64)
    .option("--max-tokens <n>", "tokens of an answer at most", wholeNumber(1), 4096)
    .option("--max-prompt-tokens <n>", "tokens of a prompt at most, pictures included", wholeNumber(1), 32_768)
    .option("--max-body <MiB>", "size of a request at most", numberBetween(0.001, 1024), 16)
    .option("--max-images <n>", "pictures of a request at most", wholeNumber(0), 16)
    .option("--max-pixels <n>", "pixels of a picture at most", wholeNumber(1), 32_000_000)
    .option("--cache-memory <MiB>", "memory for all answers under way", numberBetween(1, 1e9), 2048)
    .option(
      "--prefix-memory <MiB>",
      "memory for prompts and pictures that may be asked about again, of each model (default: an eighth of what is free, at most 4096)",
      numberBetween(0, 1e9),
    )
    .option("--separate-caches", "what is kept of one key's, and one user's, requests is found by no other's")
    .option("--timeout <s>", "time of a request at most", numberBetween(0.01, 1e6), 600)
    .option("--grace <s>", "time to finish answers when the server ends", numberBetween(0, 1e6), 30)
    .option("--stuck <s>", "an engine that says nothing for so long is started again", numberBetween(1, 1e6), 120)
    .option("--log-prompts", "write prompts into the log")
    .option("--dtype <type>", "auto, float32, bfloat16 or float16", "auto")
    .option("--device <name>", "auto, cpu, cuda or mps", "auto")
    .action(async (models: string[], _, command: Command) => {
      const { serveCommand } = await import("../serve.js")
      await serveCommand(models, command.optsWithGlobals())
    })
}
