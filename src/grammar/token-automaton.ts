/** A grammar over the tokens of a vocabulary: which may follow a state, where they lead, and how many complete the text. */

import { finish, type Work } from "../in-turns.js"
import { Automaton, DEAD } from "./automaton.js"
import { type Node, nodesOf } from "./nodes.js"
import { longestOf, type TokenTree, tokenTree, withoutTokens } from "./vocabulary.js"

/** Before the first token, which may lose a blank at its beginning. */
const START = -2

/** The bytes of tokens, by id; undefined for what is never part of a text. */
export interface TokenPieces {
  inside: readonly (Uint8Array | undefined)[]
  /** As the first token of a text. */
  first: readonly (Uint8Array | undefined)[]
}

/** Token ids, ascending. Equal sets are one object. */
export interface TokenSet {
  readonly ids: Int32Array
}

/** All tokens that lead to a state. */
export interface Edge {
  readonly target: number
  readonly tokens: TokenSet
}

/** What may follow a state, and how many nodes of the token tree were gone through to find it. */
export interface Successors {
  readonly edges: readonly Edge[]
  readonly visited: number
}

/** Counts: infinite where there is no way, or none that is worth looking for. */
interface Completion {
  tokens: number
  /** The first of them. */
  next: number
}

/** Bytes of memory, about, with their places in maps. */
const SIZES = { completion: 90, successors: 120, edge: 40, set: 200 }

const COMPLETE: Completion = { tokens: 0, next: -1 }
const IMPOSSIBLE: Completion = { tokens: Number.POSITIVE_INFINITY, next: -1 }

/** The trees of a vocabulary's tokens, made once for all grammars over it. */
export class Vocabulary {
  readonly pieces: TokenPieces
  readonly inside: TokenTree
  readonly first: TokenTree
  /** 1 for each byte that is a token by itself, or a part of a character that is one, [256]. */
  readonly typeable = new Uint8Array(256)
  /** Whether all of these are tokens by themselves: then no text takes more tokens than it has bytes. */
  readonly byBytes: boolean

  constructor(pieces: TokenPieces, trees = finish(tokenTrees(pieces))) {
    this.pieces = pieces
    this.inside = trees.inside
    this.first = trees.first
    for (const piece of pieces.inside) if (piece?.length === 1) this.typeable[piece[0]] = 1
    const bytes = this.typeable.slice()
    for (const piece of pieces.inside)
      if (piece && isCharacter(piece)) for (const byte of piece) this.typeable[byte] = 1
    this.byBytes = this.typeable.every((isTypeable, byte) => isTypeable === bytes[byte])
  }

  /** Work in pieces: a vocabulary of 151,000 tokens takes a quarter of a second. */
  static *make(pieces: TokenPieces): Work<Vocabulary> {
    return new Vocabulary(pieces, yield* tokenTrees(pieces))
  }

  /** The same without some tokens, at little cost. */
  without(isLeftOut: (id: number) => boolean): Vocabulary {
    const [inside, first] = [this.pieces.inside, this.pieces.first].map((pieces) =>
      pieces.map((piece, id) => (isLeftOut(id) ? undefined : piece)),
    )
    const tree = withoutTokens(this.inside, isLeftOut)
    if (this.first === this.inside) return new Vocabulary({ inside, first: inside }, { inside: tree, first: tree })
    return new Vocabulary({ inside, first }, { inside: tree, first: withoutTokens(this.first, isLeftOut) })
  }
}

function* tokenTrees({ inside, first }: TokenPieces): Work<Record<keyof TokenPieces, TokenTree>> {
  const tree = yield* tokenTree(inside)
  return { inside: tree, first: first === inside ? tree : yield* tokenTree(first) }
}

export class TokenAutomaton {
  readonly start: number
  readonly #bytes: Automaton
  readonly #vocabulary: Vocabulary
  /** Bytes of the longest token that may be part of a text. */
  readonly #longest: number
  readonly #successors = new Map<number, Successors>()
  readonly #completions = new Map<number, Completion>()
  readonly #sets = new Map<number, TokenSet[]>()
  #size = 0

  constructor(root: Node, vocabulary: Vocabulary) {
    this.#bytes = new Automaton(root, vocabulary.typeable)
    this.#vocabulary = vocabulary
    const used = new Uint8Array(256)
    for (const node of nodesOf(root))
      if (node.kind === "bytes") for (const [byte, is] of node.set.entries()) used[byte] |= is
    this.#longest = Math.max(longestOf(vocabulary.inside, used), longestOf(vocabulary.first, used))
    this.start = vocabulary.first === vocabulary.inside ? this.#bytes.start : START
  }

  /** Bytes of memory that what has been found out so far takes, about. */
  get size(): number {
    return this.#bytes.size + this.#size + this.#completions.size * SIZES.completion
  }

  accepts(state: number): boolean {
    return this.#bytes.accepts(this.#byteState(state))
  }

  /** The state behind a token, or DEAD. */
  next(state: number, token: number): number {
    const { inside, first } = this.#vocabulary.pieces
    const piece = (state === START ? first : inside)[token]
    if (!piece || piece.length === 0) return DEAD
    let reached = this.#byteState(state)
    for (let i = 0; i < piece.length && reached !== DEAD; i++) reached = this.#bytes.next(reached, piece[i])
    return reached
  }

  /** The tokens that may follow, by the state that they lead to. */
  successors(state: number): Successors {
    const known = this.#successors.get(state)
    if (known) return known
    const { depths, bytes, ends, firsts, tokens } = this.#treeAt(state)
    const found = new Map<number, number[]>()
    const path = [this.#byteState(state)]
    let visited = 0
    for (let node = 0; node < depths.length; visited++) {
      const depth = depths[node]
      const reached = this.#bytes.next(path[depth - 1], bytes[node])
      if (reached === DEAD) {
        node = ends[node]
        continue
      }
      path[depth] = reached
      for (let i = firsts[node]; i < firsts[node + 1]; i++) {
        const ids = found.get(reached)
        if (ids) ids.push(tokens[i])
        else found.set(reached, [tokens[i]])
      }
      node++
    }
    const edges = Array.from(found, ([target, ids]) => ({
      target,
      tokens: this.#interned(Int32Array.from(ids).sort()),
    }))
    const successors = { edges, visited }
    this.#successors.set(state, successors)
    this.#size += SIZES.successors + edges.length * SIZES.edge
    return successors
  }

  /** Tokens that a completion has at least, by its bytes alone: nothing is made to find out. Infinite where there is none. */
  least(state: number): number {
    const shortest = this.#bytes.shortest(this.#byteState(state))
    return shortest === 0 ? 0 : Math.ceil(shortest / this.#longest)
  }

  /**
   * Whether so many tokens can complete the text. Counted by the shortest text in bytes: what can be done is never denied
   * by more than a longer text of fewer tokens would save, and behind every `true` there is a token that leads to another.
   */
  canComplete(state: number, tokens: number): boolean {
    const shortest = this.#bytes.shortest(this.#byteState(state))
    if (this.#vocabulary.byBytes && state !== START && shortest <= tokens) return true
    if (this.least(state) > tokens) return false
    return this.completion(state) <= tokens
  }

  /** Tokens of the shortest text that completes the state, in as few as it can be cut into; infinite where there is none. */
  completion(state: number): number {
    return this.#complete(state).tokens
  }

  /** The first token of that text; there must be one. */
  guide(state: number): number {
    return this.#complete(state).next
  }

  #complete(state: number): Completion {
    const known = this.#completions.get(state)
    if (known) return known
    // Along the shortest text, until enough of what follows is known already.
    const states = [this.#byteState(state)]
    const bytes: number[] = []
    let run = 0
    for (let at = states[0]; ; states.push(at)) {
      const shortest = this.#bytes.shortest(at)
      if (shortest === 0 || shortest === Number.POSITIVE_INFINITY) break
      run = this.#completions.has(at) ? run + 1 : 0
      if (run > this.#longest) break
      const byte = this.#bytes.guide(at)
      bytes.push(byte)
      at = this.#bytes.next(at, byte)
    }
    for (let i = states.length - 1; i > 0; i--) this.#measure(states, bytes, i, states[i])
    return this.#measure(states, bytes, 0, state)
  }

  /** The fewest tokens that the bytes from a place on can be cut into. */
  #measure(states: readonly number[], bytes: readonly number[], place: number, state: number): Completion {
    const known = this.#completions.get(state)
    if (known) return known
    let best = IMPOSSIBLE
    const shortest = this.#bytes.shortest(states[place])
    if (shortest === 0) best = COMPLETE
    else if (shortest < Number.POSITIVE_INFINITY) {
      const tree = this.#treeAt(state)
      for (const [length, token] of prefixes(tree, bytes, place)) {
        const { tokens } = this.#completions.get(states[place + length]) ?? IMPOSSIBLE
        if (tokens + 1 < best.tokens) best = { tokens: tokens + 1, next: token }
      }
    }
    this.#completions.set(state, best)
    return best
  }

  #byteState(state: number): number {
    return state === START ? this.#bytes.start : state
  }
  #treeAt(state: number): TokenTree {
    return state === START ? this.#vocabulary.first : this.#vocabulary.inside
  }

  #interned(ids: Int32Array): TokenSet {
    let hash = ids.length
    for (const id of ids) hash = (Math.imul(hash, 31) + id) | 0
    const alike = this.#sets.get(hash) ?? []
    const known = alike.find((set) => set.ids.length === ids.length && set.ids.every((id, i) => id === ids[i]))
    if (known) return known
    const made = { ids }
    this.#size += SIZES.set + ids.byteLength
    this.#sets.set(hash, [...alike, made])
    return made
  }
}

/** Whether the bytes are one character: a first byte, and others that only go on. */
const isCharacter = (bytes: Uint8Array): boolean =>
  bytes.length > 1 && bytes[0] >= 0xc0 && bytes.subarray(1).every((byte) => (byte & 0xc0) === 0x80)

/** [length, token] of the tokens that the bytes from a place on begin with. */
function* prefixes(
  { depths, bytes, ends, firsts, tokens }: TokenTree,
  text: readonly number[],
  place: number,
): Generator<[length: number, token: number]> {
  let node = 0
  for (let depth = 1; place + depth <= text.length; depth++) {
    while (node < depths.length && depths[node] === depth && bytes[node] !== text[place + depth - 1]) node = ends[node]
    if (node >= depths.length || depths[node] !== depth) return
    if (firsts[node + 1] > firsts[node]) yield [depth, tokens[firsts[node]]]
    node++
  }
}
