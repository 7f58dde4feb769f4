/** Where the beginnings of prompts are kept, so that each is computed once: the executor has one. */

import type { KvCache } from "../nn/kv-cache.js"
import type { Prompt } from "./prompt.js"

/** The first tokens of a prompt, whose keys and values do not depend on what stands behind them. */
export interface PromptBeginning {
  /** Whole blocks. */
  tokens: number
  /** Tokens that see one another; 1: each sees those before it only. */
  blockSize: number
  /** Of the first tokens, those from which nothing is predicted. */
  known: number
  /** Positions of the sequence, of which frequencies may depend. */
  length: number
}

export interface PromptStore {
  /**
   * A cache of its own for whoever asks, and disposes of it: the first tokens that are known lie in it, whole blocks, at most
   * `known`. Undefined where nothing is kept.
   * @param room tokens that will be written to it
   */
  begin(prompt: Prompt, beginning: PromptBeginning, room: number): KvCache | undefined
  /** Keeps the tokens of a beginning, which are in the cache now. */
  keep(prompt: Prompt, beginning: PromptBeginning, cache: KvCache): void
}
