/** How likely given answers are to an autoregressive model. */

import type { LanguageModel } from "../../models/types.js"
import { causal } from "../../nn/attention-pattern.js"
import { LikelihoodForward } from "../likelihood.js"
import type { Prompt } from "../prompt.js"
import type { PromptStore } from "../prompt-store.js"

/**
 * log p(answer | prompt) = Σ log p(token | prompt, tokens before it), per answer. An answer that should be a whole one
 * ends with the end-of-sequence token.
 */
export function autoregressiveLikelihoods(
  model: LanguageModel,
  prompt: Prompt,
  answers: readonly Int32Array[],
  store?: PromptStore,
): number[] {
  const forward = new LikelihoodForward()
  const promptTokens = prompt.ids.length
  for (let position = 0; position < promptTokens; position++) forward.addPrompt(position)
  forward.spans.push(...causal(promptTokens).spans)
  forward.beginning = { tokens: promptTokens, blockSize: 1 }
  answers.forEach((tokens, answer) => {
    const start = forward.length
    tokens.forEach((token, i) => {
      forward.predict(answer, i === 0 ? promptTokens - 1 : start + i - 1, token)
      // Nothing is predicted from the last token.
      if (i === tokens.length - 1) return
      forward.addToken(token, promptTokens + i)
      forward.spans.push({
        queries: [start + i, start + i + 1],
        keys: [
          [0, promptTokens],
          [start, start + i + 1],
        ],
      })
    })
  })
  return forward.sum(model, prompt, answers.length, store)
}
