/** The tokens of a vocabulary as a tree of their bytes, so that an automaton meets what they have in common once. */

import type { Work } from "../in-turns.js"

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

/**
 * Work in pieces.
 * @param pieces the bytes of each token, by id; those without any are no text
 */
export function* tokenTree(pieces: readonly (Uint8Array | undefined)[]): Work<TokenTree> {
  const ids: number[] = []
  for (const [id, piece] of pieces.entries()) if (piece && piece.length > 0 && piece.length <= LONGEST) ids.push(id)
  yield* sortByBytes(ids, pieces)
  const [depths, bytes, firsts, ends]: number[][] = [[], [], [], []]
  const open: number[] = []
  let before: Uint8Array = new Uint8Array(0)
  for (const [place, id] of ids.entries()) {
    if (place % PIECE_OF_TOKENS === 0) yield
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
    before = piece
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

/** The same tree without some of its tokens. Nodes that lead to none stay: they cost a look. */
export function withoutTokens(tree: TokenTree, isLeftOut: (id: number) => boolean): TokenTree {
  const { firsts, tokens } = tree
  const left = new Int32Array(tokens.length)
  /** Tokens that stay, of those before each place. */
  const before = new Uint32Array(tokens.length + 1)
  let count = 0
  for (let place = 0; place < tokens.length; place++) {
    if (!isLeftOut(tokens[place])) left[count++] = tokens[place]
    before[place + 1] = count
  }
  return { ...tree, firsts: firsts.map((place) => before[place]), tokens: left.slice(0, count) }
}

/** Tokens of one piece of work. */
const PIECE_OF_TOKENS = 4096
/** So few are sorted one into the other. */
const FEW = 24

/** Sorts ids, ascending, by their pieces: byte after byte, since comparing a vocabulary's texts takes far longer. */
function* sortByBytes(ids: number[], pieces: readonly (Uint8Array | undefined)[]): Work<void> {
  const sorted = new Array<number>(ids.length)
  /** 0 behind the end, so that a piece comes before those that go on. */
  const rank = (id: number, depth: number): number => {
    const piece = pieces[id]!
    return depth < piece.length ? piece[depth] + 1 : 0
  }
  const isBehind = (a: number, b: number, from: number): boolean => {
    for (let depth = from; ; depth++) {
      const [x, y] = [rank(a, depth), rank(b, depth)]
      if (x !== y) return x > y
      if (x === 0) return a > b
    }
  }
  function* sort(start: number, end: number, depth: number): Work<void> {
    if (end - start <= FEW) {
      for (let i = start + 1; i < end; i++) {
        const id = ids[i]
        let place = i
        for (; place > start && isBehind(ids[place - 1], id, depth); place--) ids[place] = ids[place - 1]
        ids[place] = id
      }
      return
    }
    const starts = new Uint32Array(258)
    for (let i = start; i < end; i++) starts[rank(ids[i], depth) + 1]++
    for (let i = 1; i < 258; i++) starts[i] += starts[i - 1]
    const next = starts.slice()
    // In their order: of the same piece the smaller id stays before.
    for (let i = start; i < end; i++) sorted[start + next[rank(ids[i], depth)]++] = ids[i]
    for (let i = start; i < end; i++) ids[i] = sorted[i]
    for (let i = 1; i < 257; i++)
      if (starts[i + 1] - starts[i] > 1) yield* sort(start + starts[i], start + starts[i + 1], depth + 1)
    if (end - start > PIECE_OF_TOKENS / 4) yield
  }
  yield* sort(0, ids.length, 0)
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
