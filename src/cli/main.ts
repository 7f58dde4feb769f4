/** The command line: its commands, and how each ends. Commands import their implementation only when they run. */

import { readFileSync } from "node:fs"
import { Command, CommanderError } from "commander"
import { register as bench } from "./commands/bench.js"
import { register as data } from "./commands/data.js"
import { register as demo } from "./commands/demo.js"
import { register as doctor } from "./commands/doctor.js"
import { register as fixtures } from "./commands/fixtures.js"
import { register as generate } from "./commands/generate.js"
import { register as train } from "./commands/train.js"
import { EXIT_USAGE, reportError } from "./errors.js"

/** One line per command, in the order of the help. Each adds itself to the program; none imports the engine yet. */
const commands: ((program: Command) => void)[] = [demo, generate, train, data, doctor, fixtures, bench]

export function createProgram(): Command {
  const { version, description } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string
    description: string
  }
  const program = new Command("diffusionvl")
    .description(description)
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .option("--debug", "print the stack of an error, and how an answer was decoded")
    .showSuggestionAfterError()
    .showHelpAfterError("(diffusionvl --help lists commands and options)")
    .exitOverride()
  for (const register of commands) register(program)
  // Commands are made before this, and inherit nothing that is set later.
  for (const command of program.commands)
    command.exitOverride().showHelpAfterError(`(diffusionvl ${command.name()} --help lists its options)`)
  return program
}

/** Runs one command line and sets the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export async function main(argv: readonly string[]): Promise<void> {
  // `diffusionvl … | head` closes the pipe early: that is the end of the job, not an error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0)
    throw error
  })
  const program = createProgram()
  try {
    if (argv.length <= 2) program.help()
    await program.parseAsync([...argv])
  } catch (error) {
    // Commander has printed its message already; asking for help or the version ends with 0.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
    else process.exitCode = reportError(error, { debug: program.opts().debug === true })
  }
}
