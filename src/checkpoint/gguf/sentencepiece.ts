/** Vocabularies of SentencePiece, which have scores instead of merges: byte pairs that give the same tokens. */
import { UserError } from "../../errors.js"

/** Work on the cuts of all tokens, in characters: Llama's vocabulary has some 2 million. */
const MOST_WORK = 500_000_000

/**
 * Every pair of tokens that makes a third, those of the highest score first, as transformers' converters find them.
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
  const merges: Merge[] = []
  for (const [token, id] of ids) {
    for (let at = 1; at < token.length; at++) {
      const left = token.slice(0, at)
      const right = token.slice(at)
      if (ids.has(left) && ids.has(right))
        merges.push({
          pair: [left, right],
          score: scores[id],
          leftLength: lengthOf(left),
          rightLength: lengthOf(right),
        })
    }
  }
  // The sort is stable: of equal ones the earlier token stays first.
  merges.sort((a, b) => b.score - a.score || b.leftLength - a.leftLength || b.rightLength - a.rightLength)
  return merges.map(({ pair }) => pair)
}

interface Merge {
  pair: [string, string]
  score: number
  leftLength: number
  rightLength: number
}

const lengthOf = (text: string): number => [...text].length
