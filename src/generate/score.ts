/** How likely a model finds given answers: for multiple choice without generating. */

import { endToken } from "../checkpoint/config.js"
import { UserError } from "../errors.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"
import type { Prompt } from "../paradigms/prompt.js"
import { TemplateFormat } from "../text/template-format.js"
import { requireOptions } from "./generate.js"
import { explainDecodingError } from "./not-finite.js"
import type { Session } from "./session.js"

export interface AnswerScore {
  /** log p(answer | prompt), the end of the answer included. */
  logLikelihood: number
  /** Tokens it is a sum over, the end included. */
  tokens: number
}

/**
 * Scores answers to one prompt, all in one forward. A block-diffusion model reveals each from left to right, one token
 * per step.
 * @param answers whole answers; the token that ends them is added, as the model's conversations have it
 * @throws UserError with the likely cause when the model's numbers are not finite
 */
export function scoreAnswers(
  session: Session,
  prompt: Prompt,
  answers: readonly string[],
  options: Pick<DecodingOptions, "blockSize" | "shift"> = {},
): AnswerScore[] {
  requireOptions(session, options)
  const { model, tokenizer, config, format, paradigm } = session
  const end = (format instanceof TemplateFormat ? format.end : undefined) ?? endToken(config)
  if (end >= model.vocabSize)
    throw new UserError(`the end of an answer is token ${end}, but the model has only ${model.vocabSize}`, {
      where: session.folder,
      fix: "set eos_token_id in config.json to the token that ends its answers",
    })
  const ids = answers.map((answer) => Int32Array.from([...tokenizer.encode(answer), end]))
  try {
    const sums = paradigm.likelihoods(model, prompt, ids, config, options)
    return sums.map((logLikelihood, i) => ({ logLikelihood, tokens: ids[i].length }))
  } catch (error) {
    throw explainDecodingError(error, session, prompt)
  }
}
