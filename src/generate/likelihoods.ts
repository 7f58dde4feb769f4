/** How likely given answers are to a loaded model, computed beside whatever else it is asked. */

import type { Executor } from "../execution/executor.js"
import { type Likelihood, likelihoodScoring } from "../paradigms/likelihood/scoring.js"
import type { LikelihoodOptions } from "../paradigms/paradigm.js"
import type { Prompt } from "../paradigms/prompt.js"
import { explainDecodingError } from "./not-finite.js"
import type { Session } from "./session.js"

/** Likelihoods, and what they took. */
export interface ComputedLikelihoods {
  /** Of each answer, in order. */
  likelihoods: Likelihood[]
  forwards: number
  /** Tokens of the prompt that an earlier request had computed. */
  cachedTokens: number
}

/**
 * @param session in the mode that is asked about
 * @param executor @default the session's, which keeps the beginnings of prompts
 * @throws UserError with the likely cause when the model's numbers are not finite; the reason of `signal` when it is aborted
 */
export async function computeLikelihoods(
  session: Session,
  prompt: Prompt,
  answers: readonly Int32Array[],
  {
    signal,
    executor = session.executor,
    ...options
  }: LikelihoodOptions & { signal?: AbortSignal; executor?: Executor },
): Promise<ComputedLikelihoods> {
  const scoring = likelihoodScoring(session.paradigm.likelihoods(prompt, answers, session.config, options))
  let [forwards, cachedTokens] = [0, 0]
  try {
    for await (const event of executor.run(prompt, scoring, { signal })) {
      if (event.type !== "done") continue
      forwards = event.stats.forwards
      cachedTokens = event.stats.cachedTokens ?? 0
    }
  } catch (error) {
    throw explainDecodingError(error, session, prompt)
  }
  return { likelihoods: scoring.values(), forwards, cachedTokens }
}
