/** Likelihoods of a plan, computed by an executor. */

import { Executor } from "../../src/execution/executor.js"
import type { LanguageModel } from "../../src/models/types.js"
import type { LikelihoodPlan } from "../../src/paradigms/likelihood/plan.js"
import { type Likelihood, likelihoodScoring } from "../../src/paradigms/likelihood/scoring.js"
import type { Prompt } from "../../src/paradigms/prompt.js"
import { NOTHING_KEPT } from "./asking.js"

export async function likelihoodsOf(
  model: LanguageModel,
  prompt: Prompt,
  plan: LikelihoodPlan,
  executor = new Executor(model, NOTHING_KEPT),
): Promise<Likelihood[]> {
  const scoring = likelihoodScoring(plan)
  for await (const _ of executor.run(prompt, scoring));
  return scoring.values()
}

/** Their values alone. */
export const valuesOf = async (...of: Parameters<typeof likelihoodsOf>): Promise<number[]> =>
  (await likelihoodsOf(...of)).map(({ logLikelihood }) => logLikelihood)
