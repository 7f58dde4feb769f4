/** `diffusionvl bench`: the command's description; the benchmarks are in ../../bench/. */

import type { Command } from "commander"
import { wholeNumber } from "../options.js"

/** Attention over more takes minutes a step, and more memory than there is. */
const MOST_TOKENS = 32_768

const collectNumbers = (value: string, previous: number[] = []): number[] => [...previous, wholeNumber()(value)]

export function register(program: Command): void {
  program
    .command("bench")
    .description(
      "measure decoding, training, products of few rows (linear), operator calls (ops) or speed beside a busy program (busy); decoding and training beside PyTorch where a Python with transformers is found",
    )
    .argument("<what>", "decode, train, linear, ops or busy")
    .option("--shape <name>", "tiny, smollm2-135m, qwen2.5-vl-3b or qwen2.5-vl-7b", "smollm2-135m")
    .option("--dtype <type>", "auto, float32 or bfloat16", "auto")
    .option("--device <name>", "auto, cpu or cuda", "auto")
    .option("--tokens <n>", "train: tokens of the sample, a multiple of 8", wholeNumber(8, MOST_TOKENS), 512)
    .option("--answer <n>", "train: how many of them, at the end, are the answer", wholeNumber(1, MOST_TOKENS), 128)
    .option("--rounds <n>", "measured rounds", wholeNumber(1, 10_000), 3)
    .option("--spin <n>", "busy: another spin count to measure; may be given several times", collectNumbers)
    .option("--only <text>", 'busy: the cases whose name contains this, such as "135M" or "decode"', "")
    .option("--no-reference", "leave PyTorch out")
    .option("--json", "print the numbers as JSON")
    .addHelpText("after", "\nDIFFUSIONVL_PYTHON names the Python with torch and transformers to compare with.")
    .action(async (what: string, options) => {
      const { bench } = await import("../bench.js")
      await bench(what, options)
    })
}
