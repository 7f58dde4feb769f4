/**
 * The automaton of a grammar over bytes, made as far as it is walked: its states are sets of what may still follow. What
 * follows is a list of nodes, so that rules may come back to themselves and repetitions count without being written out.
 */

import { UserError } from "../errors.js"
import { type Bytes, NODE_BYTES, type Node, nodesOf, type Repeat } from "./nodes.js"

/** No text leads on from here. */
export const DEAD = -1

const UNKNOWN = -2
/** Of all states together: how many ways of reading on they have, and how many were gone through to find them. */
const MOST_READINGS = 2_000_000
/** Of all that was made to find them: a state also has a place for each class of bytes. */
const MOST_BYTES = 512 * 2 ** 20

/** Bytes of memory that each of them takes beside its lists, about: as V8 lays them out, with their places in maps. */
const SIZES = { follow: 190, reading: 170, state: 320 }
/** Of a reference. */
const REFERENCE = 8

/** A list of nodes that must follow one another. */
interface Follow {
  id: number
  node: Node
  /** How often a repetition has been gone through, as far as it matters. */
  count: number
  rest: Follow | undefined
  /** The fewest bytes that complete it. */
  shortest: number
}

/** What a `Follow` may begin with. */
interface Readings {
  /** Those that begin with a byte. */
  heads: readonly Follow[]
  accepts: boolean
}

interface State extends Readings {
  /** State behind each class of bytes. */
  next: Int32Array
  shortest: number
}

export class Automaton {
  /** State of the empty text. */
  readonly start: number
  readonly #typeable: Uint8Array
  /** Bytes that no node tells apart are one class. */
  readonly #classOf: Uint8Array
  readonly #classes: number
  readonly #shortest: ReadonlyMap<Node, number>
  readonly #follows = new Map<string, Follow>()
  readonly #readings = new Map<Follow, Readings>()
  readonly #states: State[] = []
  readonly #stateIds = new Map<string, number>()
  #readingCount = 0
  #size = 0

  /**
   * @param typeable 1 for each byte that can be written by itself, [256]: `shortest` and `guide` go by these alone. All if
   *   not given
   */
  constructor(root: Node, typeable = new Uint8Array(256).fill(1)) {
    this.#typeable = typeable
    const nodes = nodesOf(root)
    ;[this.#classOf, this.#classes] = classesOf(nodes)
    this.#shortest = shortestOf(nodes, typeable)
    this.#size = nodes.length * NODE_BYTES
    this.start = this.#state([this.#follow(root, 0, undefined)])
  }

  /** Bytes of memory that what has been made so far takes, about. */
  get size(): number {
    return this.#size
  }

  /**
   * The state behind a byte, or DEAD.
   * @throws UserError when an answer leads to more states than the memory should hold, in number or in bytes
   */
  next(state: number, byte: number): number {
    const { next } = this.#states[state]
    const known = next[this.#classOf[byte]]
    if (known !== UNKNOWN) return known
    const reached = this.#step(state, byte)
    next[this.#classOf[byte]] = reached
    return reached
  }

  /** Whether the text so far is whole. */
  accepts(state: number): boolean {
    return this.#states[state].accepts
  }

  /** The fewest bytes that make the text whole, of those that can be written by themselves; infinite where none do. */
  shortest(state: number): number {
    return this.#states[state].shortest
  }

  /** The first byte of a shortest completion, which there must be: behind it `shortest` is one less. */
  guide(state: number): number {
    const { heads, shortest } = this.#states[state]
    const { set } = heads.find((head) => head.shortest === shortest)!.node as Bytes
    return set.findIndex((isMember, byte) => isMember === 1 && this.#typeable[byte] === 1)
  }

  #step(state: number, byte: number): number {
    const follows: (Follow | undefined)[] = []
    for (const { node, rest } of this.#states[state].heads) if ((node as Bytes).set[byte]) follows.push(rest)
    return follows.length === 0 ? DEAD : this.#state(follows)
  }

  #state(follows: readonly (Follow | undefined)[]): number {
    const heads = new Map<number, Follow>()
    let accepts = false
    for (const follow of follows) {
      const readings = this.#read(follow)
      accepts ||= readings.accepts
      for (const head of readings.heads) heads.set(head.id, head)
    }
    const sorted = [...heads.values()].sort((a, b) => a.id - b.id)
    const key = `${accepts} ${sorted.map(({ id }) => id).join(" ")}`
    const known = this.#stateIds.get(key)
    if (known !== undefined) return known
    this.#count(1 + sorted.length)
    const shortest = accepts ? 0 : sorted.reduce((least, head) => Math.min(least, head.shortest), Infinity)
    const next = new Int32Array(this.#classes).fill(UNKNOWN)
    this.#size += SIZES.state + next.byteLength + sorted.length * REFERENCE + key.length
    this.#stateIds.set(key, this.#states.length)
    return this.#states.push({ heads: sorted, accepts, next, shortest }) - 1
  }

  #count(readings: number): void {
    this.#readingCount += readings
    if (this.#readingCount > MOST_READINGS || this.#size > MOST_BYTES)
      throw new UserError("the format can be read in too many ways to be followed", {
        fix: "make it say more exactly what it means: bounded repetitions, alternatives that begin differently",
      })
  }

  /** What may come first of a list: everything that takes no byte is gone through. */
  #read(root: Follow | undefined): Readings {
    if (root === undefined) return { heads: [], accepts: true }
    const known = this.#readings.get(root)
    if (known) return known
    const heads: Follow[] = []
    let accepts = false
    const seen = new Set<Follow>([root])
    const add = (follow: Follow | undefined): void => {
      if (follow) seen.add(follow)
      else accepts = true
    }
    // A set is walked in the order in which it grows.
    for (const follow of seen) {
      const { node, count, rest } = follow
      switch (node.kind) {
        case "bytes":
          heads.push(follow)
          break
        case "empty":
          add(rest)
          break
        case "sequence":
          add(this.#follow(node.first, 0, this.#follow(node.rest, 0, rest)))
          break
        case "choice":
          for (const option of node.options) add(this.#follow(option, 0, rest))
          break
        case "call":
          add(this.#follow(node.rule.body as Node, 0, rest))
          break
        case "repeat":
          if (count >= node.least) add(rest)
          if (count < node.most) add(this.#follow(node.body, 0, this.#follow(node, countedOn(node, count), rest)))
      }
    }
    this.#count(seen.size)
    this.#size += SIZES.reading + heads.length * REFERENCE
    const readings = { heads, accepts }
    this.#readings.set(root, readings)
    return readings
  }

  #shortestOf(node: Node): number {
    return this.#shortest.get(node) ?? Number.POSITIVE_INFINITY
  }

  #follow(node: Node, count: number, rest: Follow | undefined): Follow {
    const key = `${node.id} ${count} ${rest?.id ?? ""}`
    const known = this.#follows.get(key)
    if (known) return known
    const own = node.kind === "repeat" ? times(node, count, this.#shortestOf(node.body)) : this.#shortestOf(node)
    const made = { id: this.#follows.size, node, count, rest, shortest: own + (rest?.shortest ?? 0) }
    this.#follows.set(key, made)
    this.#size += SIZES.follow
    return made
  }
}

/**
 * The fewest bytes of each node. Nodes are made behind what they are made of, so one pass goes from parts to wholes; what
 * calls a rule is measured again until no rule becomes shorter.
 */
function shortestOf(nodes: readonly Node[], typeable: Uint8Array): Map<Node, number> {
  const fromParts = [...nodes].sort((a, b) => a.id - b.id)
  const known = new Map<Node, number>()
  const of = (node: Node): number => known.get(node) ?? Number.POSITIVE_INFINITY
  const measure = (node: Node): number => {
    switch (node.kind) {
      case "empty":
        return 0
      case "bytes":
        return node.set.some((isMember, byte) => isMember === 1 && typeable[byte] === 1) ? 1 : Number.POSITIVE_INFINITY
      case "sequence":
        return of(node.first) + of(node.rest)
      case "choice":
        return node.options.reduce((least, option) => Math.min(least, of(option)), Number.POSITIVE_INFINITY)
      case "repeat":
        return times(node, 0, of(node.body))
      case "call":
        return of(node.rule.body as Node)
    }
  }
  for (let changed = true; changed; ) {
    changed = false
    for (const node of fromParts) {
      const shortest = measure(node)
      if (shortest < of(node)) {
        known.set(node, shortest)
        changed = true
      }
    }
  }
  return known
}

/** Bytes of what a repetition must still go through; of none at all where it need not, be it impossible. */
const times = ({ least }: Repeat, count: number, body: number): number => (count >= least ? 0 : (least - count) * body)

/** Counts on, as long as it makes a difference. */
const countedOn = ({ least, most }: Repeat, count: number): number =>
  Number.isFinite(most) ? count + 1 : Math.min(count + 1, least)

/** [class of each byte, number of classes]: bytes that are in the same sets. */
function classesOf(nodes: readonly Node[]): [Uint8Array, number] {
  let classOf = new Array<number>(256).fill(0)
  let classes = 1
  for (const node of nodes) {
    if (node.kind !== "bytes") continue
    const ids = new Map<number, number>()
    classOf = classOf.map((id, byte) => {
      const split = 2 * id + node.set[byte]
      if (!ids.has(split)) ids.set(split, ids.size)
      return ids.get(split)!
    })
    classes = ids.size
  }
  return [Uint8Array.from(classOf), classes]
}
