/** Ctrl-C seen by the engine, also while JavaScript or a long operator holds the event loop. */

import { addon } from "./native.js"

/**
 * From now on the first SIGINT or SIGTERM prints `notice` on standard error at once and then reaches JavaScript's
 * listeners, which must be there already; the second ends the process with 130, whatever runs.
 * @returns ends the watch; undefined where there is no engine, and nothing was done
 */
export function watchInterrupts(notice: string): (() => void) | undefined {
  try {
    const engine = addon()
    engine.watchInterrupts(notice)
    return () => engine.unwatchInterrupts()
  } catch {
    return undefined
  }
}
