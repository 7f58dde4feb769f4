/** Options that say how answers are decoded, for all commands that ask a model. */

import type { Command } from "commander"
import { collect, numberBetween, temperature, wholeNumber } from "../options.js"

export function withDecoding(command: Command): Command {
  return (
    command
      .option(
        "--mode <name>",
        "decode as autoregressive, block-diffusion or full-diffusion, whatever the model was trained in (default: as trained)",
      )
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
  )
}
