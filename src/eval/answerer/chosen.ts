/** The reply to a document whose choices were scored: the likeliest. */

import type { ChoiceLikelihood } from "../run/kept-answer.js"
import type { Reply } from "./answerer.js"

/** @param likelihoods of the choices, in their order; of equal ones the first is chosen */
export function chosenReply(choices: readonly string[], likelihoods: ChoiceLikelihood[], forwards: number): Reply {
  const best = likelihoods.reduce(
    (best, { logLikelihood }, i) => (logLikelihood > likelihoods[best].logLikelihood ? i : best),
    0,
  )
  const tokens = likelihoods.reduce((sum, { tokens }) => sum + tokens, 0)
  return { raw: choices[best] ?? "", tokens, forwards, ended: true, likelihoods }
}
