/** How likely a model finds given answers: for multiple choice without generating. */

import { endToken } from "../checkpoint/config.js"
import { UserError } from "../errors.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"
import type { Prompt } from "../paradigms/prompt.js"
import { shown } from "../readable.js"
import { TemplateFormat } from "../text/formats/template-format.js"
import { requireOptions } from "./generate.js"
import { inMode } from "./mode.js"
import { explainDecodingError } from "./not-finite.js"
import type { Session } from "./session.js"

export interface AnswerScore {
  /** log p(answer | prompt), the end of the answer included where it has one. */
  logLikelihood: number
  /** Tokens it is a sum over, the end included. */
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
}

/**
 * Scores answers to one prompt, all in one forward, without what is known of the prompt's beginning. A block-diffusion model reveals each from left to right, one token
 * per step.
 * @param answers whole answers: the token that ends them is added, as the model's conversations have it
 * @throws UserError when an answer is too long for the model's positions, or with the likely cause when the model's numbers are not finite
 */
export function scoreAnswers(
  opened: Session,
  prompt: Prompt,
  answers: readonly string[],
  { end: ended = true, sameLength = false, ...options }: ScoreOptions = {},
): AnswerScore[] {
  const session = inMode(opened, options.mode)
  requireOptions(session, options)
  if (!Array.isArray(answers) || !answers.every((answer) => typeof answer === "string"))
    throw new UserError(`answers must be a list of texts, not ${shown(answers)}`)
  const { model, tokenizer, config, format, paradigm } = session
  const end = ended ? [(format instanceof TemplateFormat ? format.end : undefined) ?? endToken(config)] : []
  if (end.some((id) => id >= model.vocabSize))
    throw new UserError(`the end of an answer is token ${end[0]}, but the model has only ${model.vocabSize}`, {
      where: session.folder,
      fix: "set eos_token_id in config.json to the token that ends its answers",
    })
  const ids = answers.map((answer) => Int32Array.from([...tokenizer.encode(answer), ...end]))
  const longest = ids.reduce((most, { length }) => Math.max(most, length), 0)
  const { maxPositions } = config.text
  if (prompt.ids.length + longest > maxPositions)
    throw new UserError(
      `the prompt of ${prompt.ids.length} tokens and an answer of ${longest} exceed the model's ${maxPositions}`,
      { fix: "shorten the prompt or the answer" },
    )
  try {
    const store = session.executor.prompts
    const sums = paradigm.likelihoods(model, prompt, ids, config, {
      ...options,
      store,
      ...(sameLength && { maxTokens: longest }),
    })
    return sums.map((logLikelihood, i) => ({ logLikelihood, tokens: ids[i].length }))
  } catch (error) {
    throw explainDecodingError(error, session, prompt)
  }
}
