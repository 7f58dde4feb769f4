/** How likely a model finds given answers: for multiple choice without generating. */

import { endToken } from "../checkpoint/config.js"
import { mixSeeds } from "../data/prng.js"
import { UserError } from "../errors.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"
import { requireBound } from "../paradigms/likelihood/bound.js"
import type { Likelihood } from "../paradigms/likelihood/scoring.js"
import type { LikelihoodBound } from "../paradigms/paradigm.js"
import type { Prompt } from "../paradigms/prompt.js"
import { shown } from "../readable.js"
import { TemplateFormat } from "../text/formats/template-format.js"
import { requireOptions } from "./generate.js"
import { type ComputedLikelihoods, computeLikelihoods } from "./likelihoods.js"
import { inMode } from "./mode.js"
import type { Session } from "./session.js"

export interface AnswerScore extends Likelihood {
  /** Tokens it is a sum over, the end of the answer included where it has one. */
  tokens: number
}

export interface ScoreOptions extends Pick<DecodingOptions, "blockSize" | "shift" | "mode"> {
  /** false: the answers are beginnings, not whole answers; no end is added. @default true */
  end?: boolean
  /**
   * Full diffusion sees how many positions an answer has: all get those of the longest, so that answers of different lengths can be
   * compared. Other paradigms do not see it. @default false: each has as many as it has tokens
   */
  sameLength?: boolean
  /**
   * Of diffusion models an estimate of the bound on the likelihood that their training lowers, with its standard error. The draws
   * follow from the seed and the prompt's tokens. @default the exact likelihood of decoding from left to right
   */
  bound?: LikelihoodBound
  signal?: AbortSignal
}

/** Scores, and what they took. */
export interface ComputedScores extends Pick<ComputedLikelihoods, "forwards" | "cachedTokens"> {
  scores: AnswerScore[]
}

/**
 * Scores answers to one prompt, together with whatever else the model is asked at the same time. A block-diffusion model reveals each from
 * left to right, one token per step, unless the bound is asked for.
 * @param answers whole answers: the token that ends them is added, as the model's conversations have it
 * @throws UserError when an answer is too long for the model's positions, or with the likely cause when the model's numbers are not
 * finite; the reason of `signal` when it is aborted
 */
export async function scoreAnswers(
  session: Session,
  prompt: Prompt,
  answers: readonly string[],
  options: ScoreOptions = {},
): Promise<AnswerScore[]> {
  return (await computeScores(session, prompt, answers, options)).scores
}

/** `scoreAnswers`, and what it took. */
export async function computeScores(
  opened: Session,
  prompt: Prompt,
  answers: readonly string[],
  { end: ended = true, sameLength = false, bound, signal, ...options }: ScoreOptions = {},
): Promise<ComputedScores> {
  const session = inMode(opened, options.mode)
  requireOptions(session, options)
  if (!Array.isArray(answers) || !answers.every((answer) => typeof answer === "string"))
    throw new UserError(`answers must be a list of texts, not ${shown(answers)}`)
  const end = ended ? endOf(session) : []
  const ids = answers.map((answer) => Int32Array.from([...session.tokenizer.encode(answer), ...end]))
  const longest = ids.reduce((most, { length }) => Math.max(most, length), 0)
  const { maxPositions } = session.config.text
  if (prompt.ids.length + longest > maxPositions)
    throw new UserError(
      `the prompt of ${prompt.ids.length} tokens and an answer of ${longest} exceed the model's ${maxPositions}`,
      { fix: "shorten the prompt or the answer" },
    )
  const { likelihoods, ...took } = await computeLikelihoods(session, prompt, ids, {
    ...options,
    signal,
    ...(bound && { bound: drawnFor(prompt, requireBound(bound)) }),
    ...(sameLength && { maxTokens: longest }),
  })
  return { ...took, scores: likelihoods.map((likelihood, i) => ({ ...likelihood, tokens: ids[i].length })) }
}

/** Draws of its own for each prompt, the same wherever and whenever it is asked. */
const drawnFor = ({ ids }: Prompt, { samples, seed }: LikelihoodBound): LikelihoodBound => ({
  samples,
  seed: ids.reduce((mixed, id) => mixSeeds(mixed, id), mixSeeds(seed)),
})

function endOf({ model, config, format, folder }: Session): number[] {
  const end = (format instanceof TemplateFormat ? format.end : undefined) ?? endToken(config)
  if (end < model.vocabSize) return [end]
  throw new UserError(`the end of an answer is token ${end}, but the model has only ${model.vocabSize}`, {
    where: folder,
    fix: "set eos_token_id in config.json to the token that ends its answers",
  })
}
