/** Speed as the authors' wrappers compute it (docs/evaluation.md 3.7). */

import { UserError } from "../../errors.js"

export interface Speed {
  /** There: of the cleaned answers, encoded again. */
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
