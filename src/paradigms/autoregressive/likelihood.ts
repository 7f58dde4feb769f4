/** How likely given answers are to an autoregressive model. */

import { LikelihoodPlan } from "../likelihood/plan.js"

/**
 * log p(answer | prompt) = Σ log p(token | prompt, tokens before it), per answer. An answer that should be a whole one
 * ends with the end-of-sequence token.
 */
export function autoregressiveLikelihoods(promptTokens: number, answers: readonly Int32Array[]): LikelihoodPlan {
  const plan = new LikelihoodPlan({ answers: answers.length, beginning: { tokens: promptTokens, blockSize: 1 } })
  answers.forEach((tokens, answer) => {
    if (tokens.length === 0) return
    plan.first.predict({ answer, row: promptTokens - 1, token: tokens[0] })
    // Nothing is predicted from the last token.
    const rows = plan.withRoom(tokens.length - 1)
    const first = rows.length
    tokens.subarray(0, -1).forEach((token, i) => {
      rows.addToken(token, promptTokens + i)
      rows.see([first + i, first + i + 1], [0, promptTokens], [first, first + i + 1])
      rows.predict({ answer, row: first + i, token: tokens[i + 1] })
    })
  })
  return plan
}
