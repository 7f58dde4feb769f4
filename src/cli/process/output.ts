/** Standard output and error that are closed or full: what the program does then, and how it ends. */

import { systemFailure } from "../../system-failures.js"
import { EXIT_FAILED } from "./errors.js"

/** What `OutputGuard` needs of a process; tests pass their own. */
export interface OutputProcess {
  stdout: { on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown }
  stderr: {
    on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown
    write(text: string): unknown
  }
  exit(code: number): void
}

/**
 * Listens to both streams. A command whose work is what it prints ends when it cannot print: silently with 0 when the
 * reader has gone (`… | head`), with a sentence and 1 when the disk is full. One whose work is files goes on, and only
 * its exit code tells that a line was lost.
 */
export class OutputGuard {
  /** The command writes files: losing its output is no reason to stop. */
  writesFiles = false
  #failed = false

  constructor(private readonly target: OutputProcess = process as unknown as OutputProcess) {
    target.stdout.on("error", (error) => this.lost(error))
    // There is no place left to tell it.
    target.stderr.on("error", () => {})
  }

  /** Standard output did not take what was written. */
  lost(error: NodeJS.ErrnoException): void {
    if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") {
      if (!this.writesFiles && !this.#failed) this.target.exit(0)
      return
    }
    if (this.#failed) return
    this.#failed = true
    this.target.stderr.write(`error: standard output: ${systemFailure(error) ?? "it cannot be written"}\n`)
    if (!this.writesFiles) this.target.exit(EXIT_FAILED)
  }

  /** The exit code of a command that ended with `code`. */
  exitCode(code: number): number {
    return this.#failed && code === 0 ? EXIT_FAILED : code
  }
}

/** True for a failed write to standard output that was thrown rather than told as an event (some versions of Node do). */
export function isOutputError(error: unknown): error is NodeJS.ErrnoException {
  const { syscall, path, code } = (error ?? {}) as NodeJS.ErrnoException
  return syscall === "write" && path === undefined && code !== undefined
}
