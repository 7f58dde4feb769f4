/**
 * Grammars over bytes: what regular expressions and JSON Schemas are compiled to, and automata are made of. Nodes are
 * interned: equal ones are one object. Knows neither patterns, nor schemas, nor tokens.
 */

import { UserError } from "../errors.js"

interface Interned {
  readonly id: number
  /** Whether it matches the empty text. */
  readonly nullable: boolean
}
export interface Empty extends Interned {
  readonly kind: "empty"
}
/** One byte of a set. */
export interface Bytes extends Interned {
  readonly kind: "bytes"
  /** 1 for each byte of the set, [256]. */
  readonly set: Uint8Array
}
/** One after the other; `first` is no sequence. */
export interface Sequence extends Interned {
  readonly kind: "sequence"
  readonly first: Node
  readonly rest: Node
}
/** Any of them; of none: no text at all. */
export interface Choice extends Interned {
  readonly kind: "choice"
  readonly options: readonly Node[]
}
/** `least` to `most` times a body that is not nullable. */
export interface Repeat extends Interned {
  readonly kind: "repeat"
  readonly body: Node
  readonly least: number
  readonly most: number
}
/** What a rule says, which may come back to itself behind at least one byte. */
export interface Call extends Interned {
  readonly kind: "call"
  readonly rule: Rule
}
export interface Rule {
  readonly name: string
  /** Given once it is known; not nullable. */
  body?: Node
}
export type Node = Empty | Bytes | Sequence | Choice | Repeat | Call

/** Parts that a grammar may be made of: counted as they are asked for, before anything is done with them. */
const MOST_PARTS = 500_000

/** Memory that a node takes, about. */
export const NODE_BYTES = 200

const encoder = new TextEncoder()

export class GrammarBuilder {
  readonly #nodes = new Map<string, Node>()
  #parts = 0
  readonly empty: Node = this.#node("empty", (id) => ({ kind: "empty", id, nullable: true }))
  /** Matches no text. */
  readonly never: Node = this.#node("choice", (id) => ({ kind: "choice", id, nullable: false, options: [] }))

  /** One of these bytes. */
  bytes(values: Iterable<number>): Node {
    const set = new Uint8Array(256)
    for (const byte of values) set[byte] = 1
    return this.#bytes(set)
  }

  #bytes(set: Uint8Array): Node {
    if (!set.includes(1)) return this.never
    return this.#node(`bytes ${set.join("")}`, (id) => ({ kind: "bytes", id, nullable: false, set }))
  }

  /** The bytes from one to another, both included. */
  range(from: number, to: number): Node {
    return this.bytes(Array.from({ length: to - from + 1 }, (_, i) => from + i))
  }

  /** This text, in UTF-8. */
  text(text: string): Node {
    return this.sequence(...Array.from(encoder.encode(text), (byte) => this.bytes([byte])))
  }

  /** Any of these texts; what they begin with is told apart byte by byte. */
  words(words: readonly string[]): Node {
    return this.#words(
      words.map((word) => encoder.encode(word)),
      0,
    )
  }

  #words(words: readonly Uint8Array[], from: number): Node {
    const next = new Map<number, Uint8Array[]>()
    const options: Node[] = []
    for (const word of words)
      if (word.length === from) options.push(this.empty)
      else if (!next.get(word[from])?.push(word)) next.set(word[from], [word])
    for (const longer of next.values()) {
      // What all of them say is no fork: long words make no deep recursion.
      const [one] = longer
      let fork = from + 1
      while (fork < one.length && longer.every((word) => word[fork] === one[fork])) fork++
      const common = Array.from(one.subarray(from, fork), (byte) => this.bytes([byte]))
      this.#count(common.length * longer.length)
      options.push(this.sequence(...common, this.#words(longer, fork)))
    }
    return this.choice(...options)
  }

  sequence(...nodes: readonly Node[]): Node {
    let rest = this.empty
    for (let i = nodes.length - 1; i >= 0; i--) rest = this.#before(nodes[i], rest)
    return rest
  }

  #before(node: Node, rest: Node): Node {
    if (node === this.never || rest === this.never) return this.never
    if (node === this.empty) return rest
    const firsts: Node[] = []
    for (; node.kind === "sequence"; node = node.rest) firsts.push(node.first)
    if (firsts.length === 0 && rest === this.empty) return node
    firsts.push(node)
    let all = rest
    for (let i = firsts.length - 1; i >= 0; i--) {
      const [first, behind] = [firsts[i], all]
      all =
        behind === this.empty
          ? first
          : this.#node(`sequence ${first.id} ${behind.id}`, (id) => ({
              kind: "sequence",
              id,
              nullable: first.nullable && behind.nullable,
              first,
              rest: behind,
            }))
    }
    return all
  }

  choice(...nodes: readonly Node[]): Node {
    const flat = new Set<Node>()
    const set = new Uint8Array(256)
    for (const node of nodes)
      for (const option of node.kind === "choice" ? node.options : [node]) {
        this.#count()
        if (option.kind === "bytes") for (let byte = 0; byte < 256; byte++) set[byte] |= option.set[byte]
        else flat.add(option)
      }
    if (set.includes(1)) flat.add(this.#bytes(set))
    const options = [...flat].sort((a, b) => a.id - b.id)
    if (options.length === 1) return options[0]
    const nullable = options.some((option) => option.nullable)
    const key = options.length === 0 ? "choice" : `choice ${options.map(({ id }) => id).join(" ")}`
    return this.#node(key, (id) => ({ kind: "choice", id, nullable, options }))
  }

  optional(node: Node): Node {
    return this.choice(this.empty, node)
  }

  repeat(node: Node, least: number, most = Number.POSITIVE_INFINITY): Node {
    if (most < least) return this.never
    // Repeated as often as one likes already: how often does not matter any more.
    const inner = node.kind === "repeat" && node.least <= 1 && node.most === Number.POSITIVE_INFINITY ? node : undefined
    if (inner && most > 0) return this.repeat(inner.body, inner.least * least, inner.most)
    // A body that may be empty stands for any smaller number of times as well.
    const body = this.nonEmpty(node)
    const from = node.nullable ? 0 : least
    if (body === this.never) return from === 0 ? this.empty : this.never
    if (most === 0) return this.empty
    if (from === 1 && most === 1) return body
    return this.#node(`repeat ${body.id} ${from} ${most}`, (id) => ({
      kind: "repeat",
      id,
      nullable: from === 0,
      body,
      least: from,
      most,
    }))
  }

  /** What the node matches, without the empty text. */
  nonEmpty(node: Node): Node {
    if (!node.nullable) return node
    switch (node.kind) {
      case "choice":
        return this.choice(...node.options.map((option) => this.nonEmpty(option)))
      case "sequence": {
        const options: Node[] = []
        let part: Node = node
        for (; part.kind === "sequence"; part = part.rest)
          options.push(this.sequence(this.nonEmpty(part.first), part.rest))
        return this.choice(...options, this.nonEmpty(part))
      }
      case "repeat":
        return this.sequence(node.body, this.repeat(node.body, 0, node.most - 1))
      default:
        return this.never
    }
  }

  /** A rule that is still to be given its body, for grammars that come back to themselves. */
  rule(name: string): Rule {
    return { name }
  }

  call(rule: Rule): Node {
    // A rule is known by where it is in the schema.
    return this.#node(`call ${rule.name}`, (id) => ({ kind: "call", id, nullable: false, rule }))
  }

  #count(parts = 1): void {
    this.#parts += parts
    if (this.#parts > MOST_PARTS)
      throw new UserError(`the format is too large: it has more than ${MOST_PARTS} parts`, {
        fix: "ask for less at a time: fewer alternatives, smaller classes and enums",
      })
  }

  #node(key: string, make: (id: number) => Node): Node {
    this.#count()
    const known = this.#nodes.get(key)
    if (known) return known
    const made = make(this.#nodes.size)
    this.#nodes.set(key, made)
    return made
  }
}

/**
 * Whether a rule is reached again from itself with nothing in between, which no text could ever satisfy: its name.
 * Iterative along sequences; calls are followed once.
 */
export function emptyLoop(root: Node): string | undefined {
  const done = new Set<Rule>()
  const under = new Set<Rule>()
  const visit = (node: Node): string | undefined => {
    switch (node.kind) {
      case "call": {
        const { rule } = node
        if (under.has(rule)) return rule.name
        if (done.has(rule)) return undefined
        done.add(rule)
        under.add(rule)
        const found = visit(rule.body as Node)
        under.delete(rule)
        return found
      }
      case "choice":
        for (const option of node.options) {
          const found = visit(option)
          if (found !== undefined) return found
        }
        return undefined
      case "sequence":
        return visit(node.first) ?? (node.first.nullable ? visit(node.rest) : undefined)
      case "repeat":
        return visit(node.body)
      default:
        return undefined
    }
  }
  // Every rule is looked at from its own beginning, wherever it is called.
  for (const rule of rulesOf(root)) {
    done.clear()
    done.add(rule)
    under.clear()
    under.add(rule)
    const found = visit(rule.body as Node)
    if (found !== undefined) return found
  }
  return undefined
}

/** Every node that can be reached, each once. */
export function nodesOf(root: Node): Node[] {
  const seen = new Set<Node>([root])
  // A set is walked in the order in which it grows.
  for (const node of seen)
    if (node.kind === "sequence") seen.add(node.first).add(node.rest)
    else if (node.kind === "choice") for (const option of node.options) seen.add(option)
    else if (node.kind === "repeat") seen.add(node.body)
    else if (node.kind === "call") seen.add(node.rule.body as Node)
  return [...seen]
}

/** The rules that are called from anywhere. */
export const rulesOf = (root: Node): Rule[] => [
  ...new Set(nodesOf(root).flatMap((node) => (node.kind === "call" ? [node.rule] : []))),
]
