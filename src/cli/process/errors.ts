/** How errors reach a person: sentences for what they can mend, a stack only with --debug. */

import { messageOf, UserError } from "../../errors.js"
import { systemFailure } from "../../system-failures.js"

export const EXIT_FAILED = 1
export const EXIT_USAGE = 2
/** What shells report for a program ended by Ctrl-C. */
export const EXIT_INTERRUPTED = 130

/** The job was stopped by the user at a clean point. The command has already said where it can be resumed. */
export class Interrupted extends Error {
  constructor() {
    super("interrupted")
    this.name = "Interrupted"
  }
}

/** Prints an error and gives the exit code that goes with it. */
export function reportError(
  error: unknown,
  { debug = false, stream = process.stderr as { write(text: string): unknown } } = {},
): number {
  if (error instanceof Interrupted) return EXIT_INTERRUPTED
  const system = systemFailure(error)
  if (error instanceof UserError) {
    stream.write(`error: ${error.format()}\n`)
  } else if (system) {
    const { path } = error as NodeJS.ErrnoException
    stream.write(`error: ${path === undefined ? "" : `${path}: `}${system}\n`)
  } else {
    const message = messageOf(error)
    stream.write(`${message.startsWith("internal:") ? message : `internal: ${message}`}\n`)
    stream.write("  this is a bug: please report it with the output of `diffusionvl doctor`\n")
  }
  if (debug) stream.write(`${stackOf(error)}\n`)
  else if (!(error instanceof UserError) && !system) stream.write("  --debug prints where it happened\n")
  return EXIT_FAILED
}

/** The stack of an error and of everything that caused it. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const trace = error.stack ?? String(error)
  return error.cause === undefined ? trace : `${trace}\ncaused by: ${stackOf(error.cause)}`
}
