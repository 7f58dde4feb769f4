/** `node recipes/siglip-tiny/run.mjs`: the command; what it does is in run.ts. */

import { relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { Command } from "commander"
import { type Commands, run as runProgram } from "../../src/cli/main.js"
import { collect } from "../../src/cli/options.js"
import { shellWord } from "../../src/cli/shell.js"

interface Options {
  out: string
  recipe?: string
  seed?: string
  set?: string[]
}

const NAME = "node recipes/siglip-tiny/run.mjs"
const commands: Commands = { name: NAME, register: [register], writesFiles: ["siglip-tiny"] }

function register(program: Command): void {
  program
    .command("siglip-tiny", { isDefault: true })
    .description("train a small vision tower of the SigLIP architecture on drawings and their names")
    .option("--out <folder>", "where everything is written; the tower in its folder tower/", "runs/siglip-tiny")
    .option("--recipe <file>", "what to train (default: recipes/siglip-tiny/recipe.yaml)")
    .option("--seed <number>", "another seed: of the weights, the order of the data and what is held out")
    .option("--set <key=value>", "override a key of the recipe; may be given several times", collect)
    .action(siglip)
}

async function siglip({ out, recipe, seed, set = [] }: Options): Promise<void> {
  const { interruptible } = await import("../../src/cli/interrupt.js")
  const { readRecipe } = await import("../../src/train/config.js")
  const { settingsSchema } = await import("./settings.js")
  const { run } = await import("./run.js")
  const { consoleObserver } = await import("../shared/observer.js")
  const file = recipe ?? fileURLToPath(new URL("recipe.yaml", import.meta.url))
  const overrides = [...set, ...(seed === undefined ? [] : [`seed=${seed}`])]
  const settings = readRecipe(settingsSchema, file, overrides)
  const words = [
    ...["--out", relative(".", resolve(out)) || "."],
    ...(recipe ? ["--recipe", relative(".", recipe)] : []),
    ...overrides.flatMap((override) => ["--set", override]),
  ]
  const command = [NAME, ...words.map(shellWord)].join(" ")
  const { observer, end } = consoleObserver()
  const result = await interruptible((signal) => run({ settings, folder: resolve(out), command, signal, observer }))
  end()
  if (result) process.stdout.write(`report   ${relative(".", result.html)} and ${relative(".", result.markdown)}\n`)
}

await runProgram(process.argv, commands)
