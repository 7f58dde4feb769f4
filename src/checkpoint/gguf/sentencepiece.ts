/** Vocabularies of SentencePiece, which have scores instead of merges: byte pairs that give the same tokens. */
import { UserError } from "../../errors.js"

/** Work on the cuts of all tokens, in characters: Llama's vocabulary has some 2 million. */
const MOST_WORK = 500_000_000

/**
 * Every pair of tokens that makes a third, those of the highest score first, of one third those of the first tokens: the
 * merges of the published tokenizer.json of Llama 2 and Mistral.
 * @param usable tokens that texts are made of: no marks, no bytes
 * @param where the file, for errors
 * @throws UserError when the tokens are so long that it would take minutes
 */
export function mergesOf(
  tokens: string[],
  scores: ArrayLike<number>,
  usable: (id: number) => boolean,
  where: string,
): [string, string][] {
  const ids = new Map<string, number>()
  let work = 0
  for (let id = 0; id < tokens.length; id++) {
    if (!usable(id)) continue
    ids.set(tokens[id], id)
    work += tokens[id].length ** 2
  }
  if (work > MOST_WORK) throw new UserError("its tokens are too long to find the merges of", { where })
  const merges: { pair: [string, string]; score: number }[] = []
  for (const [token, id] of ids) {
    const cuts: { pair: [string, string]; left: number; right: number }[] = []
    for (let at = 1; at < token.length; at++) {
      const left = ids.get(token.slice(0, at))
      const right = left === undefined ? undefined : ids.get(token.slice(at))
      if (left !== undefined && right !== undefined)
        cuts.push({ pair: [token.slice(0, at), token.slice(at)], left, right })
    }
    cuts.sort((a, b) => a.left - b.left || a.right - b.right)
    for (const { pair } of cuts) merges.push({ pair, score: scores[id] })
  }
  // The sort is stable: of equal scores the earlier token stays first.
  return merges.sort((a, b) => b.score - a.score).map(({ pair }) => pair)
}
