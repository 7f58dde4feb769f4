/** How likely given answers are to a block-diffusion model. */

import type { LanguageModel } from "../../models/types.js"
import { blockCausal, type Interval } from "../../nn/attention-pattern.js"
import { LikelihoodForward } from "../likelihood.js"
import type { Prompt } from "../prompt.js"
import type { PromptStore } from "../prompt-store.js"
import { type CleanContext, cleanBlockSize, type TokenShift } from "./needed-positions.js"

export interface BlockLikelihoodOptions {
  blockSize: number
  maskToken: number
  /** @default "same" */
  shift?: TokenShift
  /** @default "block" */
  context?: CleanContext
  /** Of the beginnings of prompts. */
  store?: PromptStore
}

/**
 * log p(answer | prompt) of a decoder that fixes the tokens of a block from left to right, one per step: Σ log p(token |
 * clean blocks before, tokens of its block before it, the rest of the block masked). A proper likelihood by the chain
 * rule, comparable with the autoregressive one and equal to it at block size 1 with shift "next". An answer that should
 * be a whole one ends with the end-of-sequence token.
 *
 * One forward for all answers: the prompt's whole blocks once; for each answer its clean blocks but the last, and for
 * each token a copy of its block as it is before that step.
 */
export function blockLikelihoods(
  model: LanguageModel,
  prompt: Prompt,
  answers: readonly Int32Array[],
  { blockSize, maskToken, shift = "same", context = "block", store }: BlockLikelihoodOptions,
): number[] {
  const forward = new LikelihoodForward()
  const promptTokens = prompt.ids.length
  const prefix = Math.floor(promptTokens / blockSize) * blockSize
  for (let position = 0; position < prefix; position++) forward.addPrompt(position)
  const cleanBlock = cleanBlockSize(blockSize, context)
  forward.spans.push(...blockCausal(prefix, cleanBlock).spans)
  forward.beginning = { tokens: prefix, blockSize: cleanBlock }

  answers.forEach((tokens, answer) => {
    const first = forward.length
    /**
     * Appends the block that begins at `start`, masked from `known` on. Its rows see the clean ones before the block, and
     * of the block their own `part` tokens and those before.
     */
    const addBlock = (start: number, known: number, part: number): void => {
      const begin = forward.length
      for (let position = start; position < start + blockSize; position++) {
        if (position < promptTokens) forward.addPrompt(position)
        else forward.addToken(position < known ? tokens[position - promptTokens] : maskToken, position)
      }
      for (let row = begin; row < forward.length; row += part) {
        const keys: Interval[] = [
          [0, prefix],
          [first, first + start - prefix],
          [begin, row + part],
        ]
        forward.spans.push({ queries: [row, row + part], keys: keys.filter(([from, to]) => to > from) })
      }
    }
    const end = promptTokens + tokens.length
    const lastBlock = Math.floor((end - 1) / blockSize) * blockSize
    for (let start = prefix; start < lastBlock; start += blockSize) addBlock(start, end, cleanBlock)
    /** Row of the clean copy of a position. */
    const clean = (position: number): number => (position < prefix ? position : first + position - prefix)
    tokens.forEach((token, i) => {
      const position = promptTokens + i
      const offset = position % blockSize
      if (shift === "next" && offset === 0) {
        forward.predict(answer, clean(position - 1), token)
        return
      }
      forward.predict(answer, forward.length + offset - (shift === "next" ? 1 : 0), token)
      addBlock(position - offset, position, blockSize)
    })
  })
  return forward.sum(model, prompt, answers.length, store)
}
