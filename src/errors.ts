/** Errors for people: what happened, where, and how to fix it. Everything else that is thrown is a bug of ours. */

import { readable } from "./readable.js"

/** Characters of a place that is shown: a command line may hold a hundred thousand. */
const LONGEST_PLACE = 500

export class UserError extends Error {
  /** Where it happened: a file, a sample, a key. */
  readonly where?: string
  /** What to do about it: a sentence or a command. */
  readonly fix?: string

  constructor(what: string, options: { where?: string; fix?: string; cause?: unknown } = {}) {
    super(what, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = "UserError"
    this.where = options.where
    this.fix = options.fix
  }

  /** The whole error as plain lines, as the command line prints it. */
  format(): string {
    // A path that was given, but is empty, would not be seen.
    const place = this.where === "" ? '""' : this.where && readable(this.where, LONGEST_PLACE)
    const lines = [place ? `${place}: ${this.message}` : this.message]
    if (this.fix) lines.push(`  ${this.fix}`)
    return lines.join("\n")
  }
}

/** A sentence for any thrown value. */
export function messageOf(error: unknown): string {
  if (error instanceof UserError) return error.format()
  return error instanceof Error ? error.message : String(error)
}
