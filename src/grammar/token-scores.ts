/** How likely the tokens of a position are, alone and as sets: what a set weighs is worked out once. */

import type { TokenSet } from "./token-automaton.js"

interface SetScores {
  /** log of the sum of the probabilities, but for a constant of the position. */
  sum: number
  /** Of the likeliest token, which is the first of equally likely ones. */
  most: number
  likeliest: number
}

export class Scores {
  /** [V], finite or −∞ where a token is ruled out. */
  readonly logits: ArrayLike<number>
  /** The largest of them. */
  readonly most: number
  readonly #sets = new Map<TokenSet, SetScores>()

  constructor(logits: ArrayLike<number>) {
    this.logits = logits
    let most = Number.NEGATIVE_INFINITY
    for (let i = 0; i < logits.length; i++) if (logits[i] > most) most = logits[i]
    this.most = most
  }

  of(set: TokenSet): SetScores {
    const known = this.#sets.get(set)
    if (known) return known
    const { logits } = this
    let [most, likeliest] = [Number.NEGATIVE_INFINITY, set.ids[0]]
    for (const id of set.ids)
      if (logits[id] > most) {
        most = logits[id]
        likeliest = id
      }
    // Of tokens that are all next to impossible, too, one is likelier than another.
    let sum = 0
    for (const id of set.ids) sum += Math.exp(logits[id] - most)
    const scores = { sum: most - this.most + Math.log(sum), most: most - this.most, likeliest }
    this.#sets.set(set, scores)
    return scores
  }
}
