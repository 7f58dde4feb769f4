/** The order in which the authors' program asks: what a sampler draws above temperature 0 depends on it (docs/evaluation.md 4.2). */

export interface OrderedRequest {
  context: string
  /** Tokens of the context, without special tokens and placeholders of pictures. */
  tokens: number
  /** Options of generation as JSON: requests with the same ones are asked together. @default all have the same */
  options?: string
}

/** Groups of equal options as they are first seen; in each the longest first, and of the same length by their texts. */
export function authorsOrder<T extends OrderedRequest>(requests: readonly T[]): T[] {
  const groups = new Map<string, T[]>()
  for (const request of requests) {
    const { options = "" } = request
    const group = groups.get(options)
    if (group) group.push(request)
    else groups.set(options, [request])
  }
  return [...groups.values()].flatMap((group) =>
    group.sort((a, b) => b.tokens - a.tokens || byCodePoints(a.context, b.context)),
  )
}

/** Python's order of texts; JavaScript's is by halves of characters. */
function byCodePoints(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)]
  const at = left.findIndex((character, i) => character !== right[i])
  if (at < 0) return left.length - right.length
  return left[at].codePointAt(0)! - (right[at]?.codePointAt(0) ?? -1)
}
