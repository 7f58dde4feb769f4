/** The format of an answer over the tokens of a model: which tokens may follow, and where the answer may end. */

import type { TokenAutomaton, TokenSet } from "../grammar/token-automaton.js"
import { type Tensor, tensor } from "../torch/index.js"

export interface Constraint {
  /** @internal */
  readonly tokens: TokenAutomaton
  /** Ids that end an answer. @internal */
  readonly ends: TokenSet
}

/**
 * Scores [1, V] with −∞ where a token leaves no answer of the format.
 * @param state of the format, before the token
 * @param left tokens that may be generated, this one included
 */
export function onlyAllowed(scores: Tensor, { tokens, ends }: Constraint, state: number, left: number): Tensor {
  const added = new Float32Array(scores.shape[1]).fill(Number.NEGATIVE_INFINITY)
  for (const { target, tokens: set } of tokens.successors(state).edges)
    if (tokens.canComplete(target, left - 1)) for (const id of set.ids) added[id] = 0
  if (tokens.accepts(state)) for (const id of ends.ids) added[id] = 0
  return scores.add(tensor(added, [1, added.length]).to({ device: scores.device, dtype: scores.dtype }))
}
