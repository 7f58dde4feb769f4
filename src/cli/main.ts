/** The command line: its commands, and how each ends. Commands import their implementation only when they run. */

import { readFileSync } from "node:fs"
import { Command, CommanderError } from "commander"
import { UserError } from "../errors.js"
import { readableMessage } from "../readable.js"
import { register as ablate } from "./commands/ablate.js"
import { register as bench } from "./commands/bench.js"
import { register as data } from "./commands/data.js"
import { register as doctor } from "./commands/doctor.js"
import { register as evaluate } from "./commands/eval.js"
import { register as generate } from "./commands/generate.js"
import { register as reproduce } from "./commands/reproduce.js"
import { register as scripts } from "./commands/scripts.js"
import { register as serve } from "./commands/serve.js"
import { register as train } from "./commands/train.js"
import { EXIT_USAGE, reportError } from "./process/errors.js"
import { isOutputError, OutputGuard } from "./process/output.js"

/** A program: the installed one, or a script of the repository that ends, fails and is interrupted as that does. */
export interface Commands {
  /** What is typed to start it. */
  name: string
  /**
   * One per command, in the order of the help. Each adds itself to the program; none imports the engine yet. A program
   * that is one command gives itself that command's options and action.
   */
  register: ((program: Command) => void)[]
  /** Commands whose work is files: they end it also when nobody reads what they print. */
  writesFiles: string[]
}

export const DIFFUSIONVL: Commands = {
  name: "npx diffusionvl",
  register: [generate, serve, train, ablate, evaluate, reproduce, data, doctor, bench, scripts],
  writesFiles: [
    "convert",
    "train",
    "translate",
    "block-size",
    "steps",
    "threshold",
    "run",
    "merge",
    "rescore",
    "compare",
    "reproduce",
  ],
}

export function createProgram({ name, register: commands }: Commands = DIFFUSIONVL): Command {
  const { version, description } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string
    description: string
  }
  const program = new Command(name)
    .description(description)
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .option("--debug", "print the stack of an error, and how an answer was decoded")
    .showSuggestionAfterError()
    .configureOutput({ outputError: (message, write) => write(readableMessage(message)) })
  for (const register of commands) register(program)
  showHelp(program, [name])
  return program
}

/** Commands are made before this, and inherit nothing that is set later. */
function showHelp(command: Command, words: readonly string[]): void {
  const lists = command.commands.length > 0 ? "commands and options" : "its options"
  command.exitOverride().showHelpAfterError(`(${[...words, "--help"].join(" ")} lists ${lists})`)
  for (const own of command.commands) showHelp(own, [...words, own.name()])
}

/** Runs one command line as this process: nothing that fails anywhere in it is told in Node's words. */
export async function run(argv: readonly string[], commands = DIFFUSIONVL): Promise<void> {
  const output = new OutputGuard()
  process.on("uncaughtException", (error) => process.exit(reportError(error, { debug: argv.includes("--debug") })))
  await main(argv, output, commands)
}

/** Runs one command line and sets the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export async function main(argv: readonly string[], output?: OutputGuard, commands = DIFFUSIONVL): Promise<void> {
  const program = createProgram(commands)
  program.hook("preAction", (_, command) => {
    if (output) output.writesFiles = commands.writesFiles.includes(command.name())
    requireFolder()
  })
  let code = 0
  try {
    if (argv.length <= 2 && program.commands.length > 0) program.help()
    await program.parseAsync([...argv])
    code = Number(process.exitCode ?? 0)
  } catch (error) {
    // Commander has printed its message already; asking for help or the version ends with 0.
    if (error instanceof CommanderError) code = error.exitCode === 0 ? 0 : EXIT_USAGE
    else if (output && isOutputError(error)) output.lost(error)
    else code = reportError(error, { debug: program.opts().debug === true })
  }
  // Failed writes are told a moment later; everything that was written is out by then.
  await new Promise((told) => setImmediate(told))
  process.exitCode = output?.exitCode(code) ?? code
}

/** Relative names mean nothing in a folder that was deleted: Node would say so with a system error at the first of them. */
function requireFolder(): void {
  try {
    process.cwd()
  } catch (cause) {
    throw new UserError("the current folder does not exist any more", { fix: "Change to another folder.", cause })
  }
}
