/** Two answers to one question beside each other, in a sentence. */

import type { AnswerCost } from "../protocol/contract.js"

/** How the second compares with the first; undefined where nothing is known of one. */
export function verdict(first: AnswerCost | undefined, second: AnswerCost | undefined): string | undefined {
  const faster = ratio(second?.tokens_per_second, first?.tokens_per_second)
  const fewer = ratio(second?.nfe_per_token, first?.nfe_per_token)
  if (faster === undefined || fewer === undefined) return undefined
  return `Right against left: ${faster} times the tokens per second, ${fewer} times the forwards per token.`
}

function ratio(a: number | undefined, b: number | undefined): string | undefined {
  if (a === undefined || b === undefined || !(a > 0 && b > 0)) return undefined
  return String(Number((a / b).toPrecision(2)))
}
