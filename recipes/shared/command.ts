/** The command of a recipe: its options, what it is given, and how its run is shown. What it does is in the recipe's run.ts. */

import { relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { Command } from "commander"
import type { ZodType } from "zod"
import { type Commands, run as runProgram } from "../../src/cli/main.js"
import { collect, folderPath, pathOf, wholeNumber } from "../../src/cli/options.js"
import { shellWord } from "../../src/cli/shell.js"
import type { Reports, RunOptions } from "./run.js"

export interface RecipeCommand<Settings extends object, Given extends string> {
  /** Of its folder in recipes/. */
  name: string
  description: string
  /** What a seed decides, where there is an option for it. */
  seed?: string
  /** What may take the place of a package: [what the value is, what it is for], by option. */
  given: Readonly<Record<Given, readonly [value: "path" | "folder", description: string]>>
  /** Whose keys --train overrides, where there are trainings. */
  train?: string
  /** Imported when it runs, so that help is quick. */
  load(): Promise<{
    settingsSchema: ZodType<Settings>
    run(options: RunOptions<Settings, Given>): Promise<Reports | undefined>
  }>
}

interface Typed extends Record<string, unknown> {
  out: string
  recipe?: string
  seed?: number
  set?: string[]
  train?: string[]
}

/** Runs the command line of this process. */
export async function runCommand<Settings extends object, Given extends string>(
  recipe: RecipeCommand<Settings, Given>,
): Promise<void> {
  await runProgram(process.argv, commandsOf(recipe, `node ${relative(".", process.argv[1])}`))
}

/** @param name what is typed to start it */
export function commandsOf<Settings extends object, Given extends string>(
  recipe: RecipeCommand<Settings, Given>,
  name: string,
): Commands {
  return { name, register: [(program) => register(program, recipe)], writesFiles: [name] }
}

function register<Settings extends object, Given extends string>(
  program: Command,
  recipe: RecipeCommand<Settings, Given>,
): void {
  const { name, description, seed, train } = recipe
  const given = Object.entries<readonly [string, string]>(recipe.given)
  program
    .description(description)
    .option("--out <folder>", "where everything is written", folderPath, `runs/${name}`)
    .option("--recipe <file>", `its settings (default: recipes/${name}/recipe.yaml)`, pathOf("file"))
  if (seed !== undefined) program.option("--seed <n>", `another seed: ${seed}`, wholeNumber())
  for (const [option, [value, description]] of given)
    program.option(`--${option} <${value}>`, description, pathOf(value === "path" ? "file or folder" : value))
  program.option("--set <key=value>", "override a key of the settings; may be given several times", collect)
  if (train !== undefined)
    program.option("--train <key=value>", `override a key of ${train}; may be given several times`, collect)
  program.action((typed: Typed) => runTyped(program.name(), recipe, typed))
}

async function runTyped<Settings extends object, Given extends string>(
  program: string,
  { name, given, load }: RecipeCommand<Settings, Given>,
  typed: Typed,
): Promise<void> {
  const { interruptible } = await import("../../src/cli/process/interrupt.js")
  const { PartProgress } = await import("../../src/cli/ui/parts.js")
  const { readRecipe } = await import("../../src/train/recipe/config.js")
  const { settingsSchema, run } = await load()
  const { out, recipe, seed, set = [], train = [] } = typed
  const file = recipe ?? fileURLToPath(new URL(`../${name}/recipe.yaml`, import.meta.url))
  const settings = readRecipe(settingsSchema, file, [...set, ...(seed === undefined ? [] : [`seed=${seed}`])])
  const names = (Object.keys(given) as Given[]).filter((option) => typed[option] !== undefined)
  const paths = Object.fromEntries(names.map((option) => [option, resolve(typed[option] as string)]))
  const words = [
    ...["--out", relative(".", out) || "."],
    ...(recipe === undefined ? [] : ["--recipe", recipe]),
    ...(seed === undefined ? [] : ["--seed", String(seed)]),
    ...names.flatMap((option) => [`--${option}`, typed[option] as string]),
    ...set.flatMap((override) => ["--set", override]),
    ...train.flatMap((override) => ["--train", override]),
  ]
  const progress = new PartProgress()
  const reports = await interruptible(async (signal) => {
    try {
      return await run({
        settings,
        folder: resolve(out),
        command: [program, ...words.map(shellWord)].join(" "),
        given: paths as Partial<Record<Given, string>>,
        train,
        signal,
        observer: {
          progress: (...shown) => progress.update(...shown),
          note: (line) => progress.note(line),
        },
      })
    } finally {
      progress.end(signal.aborted ? "stopped; the same command goes on from here" : undefined)
    }
  })
  if (reports) process.stdout.write(`report   ${relative(".", reports.html)} and ${relative(".", reports.markdown)}\n`)
}
