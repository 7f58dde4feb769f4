/** Ends work of foreign patterns and templates that would not end by itself. Knows no tokenizer. */

import vm from "node:vm"

const context = vm.createContext({ work: undefined })
const script = new vm.Script("work()")

/** The work did not end in time. */
export class OutOfTime extends Error {
  constructor(readonly seconds: number) {
    super(`it took more than ${seconds} s`)
  }
}

/**
 * What `work` returns. V8 can interrupt a regular expression or a loop only when it runs under such a limit; setting one
 * costs about a tenth of a millisecond.
 * @throws OutOfTime, or what `work` throws
 */
export function withTimeLimit<T>(milliseconds: number, work: () => T): T {
  const outer = context.work
  context.work = work
  try {
    return script.runInContext(context, { timeout: milliseconds }) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException)?.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error
    throw new OutOfTime(Math.round(milliseconds / 100) / 10)
  } finally {
    context.work = outer
  }
}
