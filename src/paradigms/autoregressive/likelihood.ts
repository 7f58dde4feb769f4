/** How likely given answers are to an autoregressive model. */

import type { LanguageModel } from "../../models/types.js"
import { causal } from "../../nn/attention-pattern.js"
import { LikelihoodRows } from "../likelihood.js"
import type { Prompt } from "../prompt.js"

/**
 * log p(answer | prompt) = Σ log p(token | prompt, tokens before it), per answer. An answer that should be a whole one
 * ends with the end-of-sequence token.
 */
export function autoregressiveLikelihoods(
  model: LanguageModel,
  prompt: Prompt,
  answers: readonly Int32Array[],
): number[] {
  const rows = new LikelihoodRows()
  const promptRows = prompt.ids.length
  for (let position = 0; position < promptRows; position++) rows.addPrompt(position)
  rows.spans.push(...causal(promptRows).spans)
  answers.forEach((tokens, answer) => {
    const start = rows.length
    tokens.forEach((token, i) => {
      rows.predict(answer, i === 0 ? promptRows - 1 : start + i - 1, token)
      // Nothing is predicted from the last token.
      if (i === tokens.length - 1) return
      rows.addToken(token, promptRows + i)
      rows.spans.push({
        rows: [start + i, start + i + 1],
        keys: [
          [0, promptRows],
          [start, start + i + 1],
        ],
      })
    })
  })
  return rows.sum(model, prompt, answers.length)
}
