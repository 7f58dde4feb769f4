/** The tokens of a vocabulary as a tree of their bytes, so that an automaton meets what they have in common once. */

/** Tokens with the same beginning share a node; a node's descendants follow it. */
export interface TokenTree {
  /** Of each node, from 1 on. */
  depths: Uint16Array
  bytes: Uint8Array
  /** The node behind all its descendants. */
  ends: Uint32Array
  /** Where a node's tokens begin in `tokens`; those of the next begin where they end. */
  firsts: Uint32Array
  tokens: Int32Array
}

/** Longer tokens are never asked for: runs of blanks, mostly. */
const LONGEST = 1024

/** @param pieces the bytes of each token, by id; those without any are no text */
export function tokenTree(pieces: readonly (Uint8Array | undefined)[]): TokenTree {
  const ids: number[] = []
  for (const [id, piece] of pieces.entries()) if (piece && piece.length > 0 && piece.length <= LONGEST) ids.push(id)
  // As texts of one character per byte, which are compared much faster.
  const keys = pieces.map((piece) => (piece ? Buffer.from(piece).toString("latin1") : ""))
  ids.sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b))
  const [depths, bytes, firsts, ends]: number[][] = [[], [], [], []]
  const open: number[] = []
  let before = new Uint8Array(0)
  for (const [place, id] of ids.entries()) {
    const piece = pieces[id]!
    let shared = 0
    while (shared < before.length && shared < piece.length && before[shared] === piece[shared]) shared++
    while (open.length > shared) ends[open.pop()!] = depths.length
    for (let i = shared; i < piece.length; i++) {
      open.push(depths.length)
      depths.push(i + 1)
      bytes.push(piece[i])
      firsts.push(place)
    }
    // The nodes on the way to a token have none themselves: they end where its own begins.
    before = Uint8Array.from(piece)
  }
  while (open.length > 0) ends[open.pop()!] = depths.length
  return {
    depths: Uint16Array.from(depths),
    bytes: Uint8Array.from(bytes),
    ends: Uint32Array.from(ends),
    firsts: Uint32Array.from([...firsts, ids.length]),
    tokens: Int32Array.from(ids),
  }
}

/**
 * Bytes of the longest token that is made of some bytes only.
 * @param used 1 for each of them, [256]
 */
export function longestOf({ depths, bytes, ends, firsts }: TokenTree, used: Uint8Array): number {
  let longest = 0
  for (let node = 0; node < depths.length; ) {
    if (!used[bytes[node]]) {
      node = ends[node]
      continue
    }
    if (firsts[node + 1] > firsts[node]) longest = Math.max(longest, depths[node])
    node++
  }
  return longest
}
