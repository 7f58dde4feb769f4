/**
 * The automaton of a grammar over bytes, made as far as it is walked: its states are sets of what may still follow. What
 * follows is a list of nodes, so that rules may come back to themselves and repetitions count without being written out.
 */

import { UserError } from "../errors.js"
import { type Bytes, type Call, type Node, nodesOf, type Repeat, rulesOf } from "./nodes.js"

/** No text leads on from here. */
export const DEAD = -1

const UNKNOWN = -2
/** Bytes that are told apart lead to tables this wide; states beyond would fill the memory. */
const MOST_STATES = 200_000
/** Ways in which one text may be read at the same time. */
const MOST_READINGS = 20_000

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
  readonly #ruleShortest: ReadonlyMap<object, number>
  readonly #nodeShortest = new Map<Node, number>()
  readonly #follows = new Map<string, Follow>()
  readonly #readings = new Map<Follow, Readings>()
  readonly #states: State[] = []
  readonly #stateIds = new Map<string, number>()

  /**
   * @param typeable 1 for each byte that can be written by itself, [256]: `shortest` and `guide` go by these alone. All if
   *   not given
   */
  constructor(root: Node, typeable = new Uint8Array(256).fill(1)) {
    this.#typeable = typeable
    const nodes = nodesOf(root)
    ;[this.#classOf, this.#classes] = classesOf(nodes)
    this.#ruleShortest = this.#shortestRules(root)
    this.start = this.#state([this.#follow(root, 0, undefined)])
  }

  /** States that have been made so far. */
  get size(): number {
    return this.#states.length
  }

  /**
   * The state behind a byte, or DEAD.
   * @throws UserError when an answer leads to more states than the memory should hold
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
    if (this.#states.length === MOST_STATES || sorted.length > MOST_READINGS)
      throw new UserError("the format can be read in too many ways to be followed", {
        fix: "make it say more exactly what it means: bounded repetitions, alternatives that begin differently",
      })
    const shortest = accepts ? 0 : sorted.reduce((least, head) => Math.min(least, head.shortest), Infinity)
    const next = new Int32Array(this.#classes).fill(UNKNOWN)
    this.#stateIds.set(key, this.#states.length)
    return this.#states.push({ heads: sorted, accepts, next, shortest }) - 1
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
    const readings = { heads, accepts }
    this.#readings.set(root, readings)
    return readings
  }

  #follow(node: Node, count: number, rest: Follow | undefined): Follow {
    const key = `${node.id} ${count} ${rest?.id ?? ""}`
    const known = this.#follows.get(key)
    if (known) return known
    const own = node.kind === "repeat" ? times(node, count, this.#shortest(node.body)) : this.#shortest(node)
    const made = { id: this.#follows.size, node, count, rest, shortest: own + (rest?.shortest ?? 0) }
    this.#follows.set(key, made)
    return made
  }

  #shortest(node: Node): number {
    const known = this.#nodeShortest.get(node)
    if (known !== undefined) return known
    const shortest = this.#measure(node, this.#ruleShortest, this.#nodeShortest)
    return shortest
  }

  /** The fewest bytes of a node, by what is known of rules. Walks along sequences, which may be long. */
  #measure(node: Node, rules: ReadonlyMap<object, number>, known: Map<Node, number>): number {
    const spine: Node[] = []
    let last = node
    for (; last.kind === "sequence" && !known.has(last); last = last.rest) spine.push(last)
    let total = known.get(last) ?? this.#measureOne(last, rules, known)
    known.set(last, total)
    for (const part of spine.reverse()) {
      if (part.kind === "sequence") total += this.#measure(part.first, rules, known)
      known.set(part, total)
    }
    return total
  }

  #measureOne(node: Node, rules: ReadonlyMap<object, number>, known: Map<Node, number>): number {
    switch (node.kind) {
      case "bytes":
        return node.set.some((isMember, byte) => isMember === 1 && this.#typeable[byte] === 1)
          ? 1
          : Number.POSITIVE_INFINITY
      case "choice":
        return node.options.reduce((least, option) => Math.min(least, this.#measure(option, rules, known)), Infinity)
      case "call":
        return rules.get((node as Call).rule) ?? Number.POSITIVE_INFINITY
      case "repeat":
        return times(node, 0, this.#measure(node.body, rules, known))
      default:
        return 0
    }
  }

  /** Rules may use one another: measured until nothing becomes shorter. */
  #shortestRules(root: Node): Map<object, number> {
    const rules = rulesOf(root)
    const shortest = new Map<object, number>()
    for (let changed = true; changed; ) {
      changed = false
      const known = new Map<Node, number>()
      for (const rule of rules) {
        const found = this.#measure(rule.body as Node, shortest, known)
        if (found >= (shortest.get(rule) ?? Number.POSITIVE_INFINITY)) continue
        shortest.set(rule, found)
        changed = true
      }
    }
    return shortest
  }
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
