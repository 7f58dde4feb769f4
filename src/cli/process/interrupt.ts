/** Ctrl-C: the first asks the running job to stop at a clean point, the second ends the program. */

import { EXIT_INTERRUPTED, Interrupted } from "./errors.js"

/** What `interruptible` needs of a process; tests pass their own. */
export interface Signals {
  on(event: "SIGINT" | "SIGTERM", listener: () => void): unknown
  off(event: "SIGINT" | "SIGTERM", listener: () => void): unknown
  exit(code: number): void
  stderr: { write(text: string): unknown }
}

const NOTICE = "\nstopping at the next clean point; press Ctrl-C again to quit at once\n"

/**
 * Runs a job that watches an `AbortSignal`.
 *
 * @param work stops at its next clean point (a checkpoint, the end of a block) when the signal fires
 * @returns what `work` returns, when it was not interrupted
 * @throws {Interrupted} after `work` has ended because of Ctrl-C or SIGTERM; the program then exits with 130
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  signals: Signals = process as unknown as Signals,
): Promise<T> {
  const controller = new AbortController()
  let unwatch: (() => void) | undefined
  const onSignal = () => {
    if (controller.signal.aborted) {
      signals.exit(EXIT_INTERRUPTED)
      return
    }
    // The engine has said it already, at the moment of the key.
    if (!unwatch) signals.stderr.write(NOTICE)
    controller.abort(new Interrupted())
  }
  signals.on("SIGINT", onSignal)
  signals.on("SIGTERM", onSignal)
  try {
    // Node's handlers wait for the event loop. Loaded here, because commands import this file before they run.
    if ((signals as unknown) === process) unwatch = (await import("../../torch/signals.js")).watchInterrupts(NOTICE)
    controller.signal.throwIfAborted()
    const result = await work(controller.signal)
    if (controller.signal.aborted) throw new Interrupted()
    return result
  } catch (error) {
    // `signal.throwIfAborted()` throws the reason; libraries that take a signal throw an AbortError of their own.
    if (controller.signal.aborted && (error as Error).name === "AbortError") throw new Interrupted()
    throw error
  } finally {
    unwatch?.()
    signals.off("SIGINT", onSignal)
    signals.off("SIGTERM", onSignal)
  }
}
