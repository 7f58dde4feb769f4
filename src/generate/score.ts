/** How likely a model finds given answers: for multiple choice without generating. */

import { endToken, maskToken } from "../checkpoint/config.js"
import { blockDiffusionOf } from "../checkpoint/paradigm-record.js"
import { UserError } from "../errors.js"
import { autoregressiveLikelihoods } from "../paradigms/autoregressive/likelihood.js"
import { blockLikelihoods } from "../paradigms/block-diffusion/likelihood.js"
import type { Prompt } from "../paradigms/prompt.js"
import { TemplateFormat } from "../text/template-format.js"
import { explainDecodingError } from "./not-finite.js"
import { checkOptions, type DecodingOptions } from "./options.js"
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
  checkOptions(session, options)
  const { model, tokenizer, config, format, paradigm } = session
  const end = (format instanceof TemplateFormat ? format.end : undefined) ?? endToken(config)
  if (end >= model.vocabSize)
    throw new UserError(`the end of an answer is token ${end}, but the model has only ${model.vocabSize}`, {
      where: session.folder,
      fix: "set eos_token_id in config.json to the token that ends its answers",
    })
  const ids = answers.map((answer) => Int32Array.from([...tokenizer.encode(answer), end]))
  const trained = blockDiffusionOf(config)
  const { blockSize = trained?.blockSize ?? 8, shift = trained?.shift } = options
  try {
    const sums =
      paradigm === "autoregressive"
        ? autoregressiveLikelihoods(model, prompt, ids)
        : blockLikelihoods(model, prompt, ids, { blockSize, maskToken: maskToken(config), shift })
    return sums.map((logLikelihood, i) => ({ logLikelihood, tokens: ids[i].length }))
  } catch (error) {
    throw explainDecodingError(error, session, prompt)
  }
}
