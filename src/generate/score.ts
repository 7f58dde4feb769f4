/** How likely a model finds given answers: for multiple choice without generating. */

import { endToken } from "../checkpoint/config.js"
import { UserError } from "../errors.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"
import type { Prompt } from "../paradigms/prompt.js"
import { shown } from "../readable.js"
import { TemplateFormat } from "../text/template-format.js"
import { requireOptions } from "./generate.js"
import { inMode } from "./mode.js"
import { explainDecodingError } from "./not-finite.js"
import type { Session } from "./session.js"

export interface AnswerScore {
  /** log p(answer | prompt), the end of the answer included. */
  logLikelihood: number
  /** Tokens it is a sum over, the end included. */
  tokens: number
}

/**
 * Scores answers to one prompt, all in one forward, without what is known of the prompt's beginning. A block-diffusion model reveals each from left to right, one token
 * per step.
 * @param answers whole answers; the token that ends them is added, as the model's conversations have it
 * @throws UserError when an answer is too long for the model's positions, or with the likely cause when the model's numbers are not finite
 */
export function scoreAnswers(
  opened: Session,
  prompt: Prompt,
  answers: readonly string[],
  options: Pick<DecodingOptions, "blockSize" | "shift" | "mode"> = {},
): AnswerScore[] {
  const session = inMode(opened, options.mode)
  requireOptions(session, options)
  if (!Array.isArray(answers) || !answers.every((answer) => typeof answer === "string"))
    throw new UserError(`answers must be a list of texts, not ${shown(answers)}`)
  const { model, tokenizer, config, format, paradigm } = session
  const end = (format instanceof TemplateFormat ? format.end : undefined) ?? endToken(config)
  if (end >= model.vocabSize)
    throw new UserError(`the end of an answer is token ${end}, but the model has only ${model.vocabSize}`, {
      where: session.folder,
      fix: "set eos_token_id in config.json to the token that ends its answers",
    })
  const ids = answers.map((answer) => Int32Array.from([...tokenizer.encode(answer), end]))
  const longest = ids.reduce((most, { length }) => Math.max(most, length), 0)
  const { maxPositions } = config.text
  if (prompt.ids.length + longest > maxPositions)
    throw new UserError(
      `the prompt of ${prompt.ids.length} tokens and an answer of ${longest} exceed the model's ${maxPositions}`,
      { fix: "shorten the prompt or the answer" },
    )
  try {
    const sums = paradigm.likelihoods(model, prompt, ids, config, { ...options, store: session.executor.prompts })
    return sums.map((logLikelihood, i) => ({ logLikelihood, tokens: ids[i].length }))
  } catch (error) {
    throw explainDecodingError(error, session, prompt)
  }
}
