/** Speed as the authors' wrappers print it (docs/evaluation.md 3.7). */

import { UserError } from "../../errors.js"

export interface Speed {
  /** Of the cleaned answers, encoded again. */
  tokens: number
  /** From the first request to the last answer, pictures included; of several processes, of the slowest. */
  seconds: number
  /** Processes, each with a device of its own. @default 1 */
  processes?: number
}

export interface TokensPerSecond {
  total: number
  /** Of one process, on average. */
  perProcess: number
}

export function tokensPerSecond({ tokens, seconds, processes = 1 }: Speed): TokensPerSecond {
  if (!(processes >= 1)) throw new UserError(`${processes} processes cannot have answered`)
  const total = seconds > 0 ? tokens / seconds : 0
  return { total, perProcess: total / processes }
}

/** The lines that are printed at the end. */
export function speedLines(speed: Speed): string[] {
  const { tokens, seconds, processes = 1 } = speed
  const { total, perProcess } = tokensPerSecond(speed)
  const taken = `Time taken: ${seconds.toFixed(2)} seconds`
  if (processes === 1) return [taken, `Tokens per second: ${total.toFixed(2)}`, `Total number of tokens: ${tokens}`]
  return [
    taken,
    `Tokens per second (total): ${total.toFixed(2)}`,
    `Tokens per second (per GPU, average): ${perProcess.toFixed(2)}`,
    `Total number of tokens: ${tokens}`,
    `Tokens per process (average): ${(tokens / processes).toFixed(2)}`,
  ]
}
