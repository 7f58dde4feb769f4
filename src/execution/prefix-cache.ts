/**
 * Keys and values of sequences' beginnings, kept by content: a tree whose edges are runs of tokens, since beginnings that part
 * somewhere share what lies before. What was not used for longest goes first, from the ends of the branches.
 */

import { copyOfTokens, type KvCache, viewOfTokens } from "../nn/kv-cache.js"
import type { Tensor } from "../torch/index.js"
import { type Content, partOfContent, textOfContent, tokensInCommon } from "./content.js"

/** What keys and values depend on beside the tokens up to theirs: only those of one kind are exchanged. */
export interface PrefixKind {
  /** Tokens that see one another: a beginning is whole blocks of so many. 1: each sees those before it only. */
  block: number
  /** Sequences whose lengths have another number have other frequencies. */
  lengthKey: number
  /** Whose they are. */
  salt?: string
}

export const isSameKind = (a: PrefixKind, b: PrefixKind | undefined): boolean =>
  a.block === b?.block && a.lengthKey === b.lengthKey && a.salt === b.salt

interface Node {
  /** Its first block as text, or what a root is of. */
  name: string
  parent: Node | undefined
  /** By their names. */
  children: Map<string, Node>
  content: Content
  /** As `KvCache.copy` gives them; the root of a tree has none. */
  tokens: Tensor | undefined
}

/** The way from a root: of each node the first tokens, of all but the last all of them. */
interface Way {
  root: Node
  nodes: { node: Node; count: number }[]
  /** Tokens on it. */
  length: number
}

const NOTHING: Content = { start: 0, end: 0, numbers: new Int32Array(), width: 1, pictures: new Map() }

export class PrefixCache {
  evictions = 0
  #bytes = 0
  readonly #roots = new Map<string, Node>()
  /** Least recently used first. A node is always behind those below it: the first is the end of a branch. */
  readonly #order = new Set<Node>()

  /** @param limit bytes of keys and values; 0: nothing is kept */
  constructor(public limit: number) {}

  get bytes(): number {
    return this.#bytes
  }
  /** Runs of tokens. */
  get size(): number {
    return this.#order.size
  }

  /** How many of the first `most` tokens are kept: whole blocks. */
  match(kind: PrefixKind, content: Content, most: number): number {
    return this.#way(kind, content, most).length
  }

  /** Appends the first tokens that are kept, at most `most`, to an empty cache. @returns how many */
  restore(kind: PrefixKind, content: Content, most: number, cache: KvCache): number {
    const way = this.#way(kind, content, most)
    for (const { node, count } of way.nodes) {
      const all = node.tokens as Tensor
      if (count === lengthOf(node)) cache.append(all)
      else {
        const view = viewOfTokens(all, 0, count)
        cache.append(view)
        view.dispose()
      }
    }
    this.#use(way)
    return way.length
  }

  /** Keeps the first tokens of a sequence, whole blocks, from its cache; the first of them where not all have room. */
  keep(kind: PrefixKind, content: Content, tokens: number, cache: KvCache): void {
    if (tokens > content.end) throw new RangeError(`${tokens} tokens are more than the ${content.end} that are named`)
    const whole = Math.floor(tokens / kind.block) * kind.block
    const way = this.#way(kind, content, whole)
    this.#use(way)
    if (way.length === whole || this.limit < kind.block * cache.bytesPerToken) return
    const parent = this.#endOf(way, kind)
    const room = this.#makeRoom(parent, (whole - way.length) * cache.bytesPerToken) / cache.bytesPerToken
    const end = way.length + Math.floor(room / kind.block) * kind.block
    if (end <= way.length) return
    this.#roots.set(way.root.name, way.root)
    const node: Node = {
      name: textOfContent(content, way.length, way.length + kind.block),
      parent,
      children: new Map(),
      content: partOfContent(content, way.length, end),
      tokens: cache.copy(way.length, end),
    }
    parent.children.set(node.name, node)
    this.#bytes += bytesOf(node)
    // Before those above it.
    this.#order.add(node)
    this.#use(this.#way(kind, content, end))
  }

  /** Gives everything back. */
  clear(): void {
    for (const { tokens } of this.#order) tokens?.dispose()
    this.#order.clear()
    this.#roots.clear()
    this.#bytes = 0
  }

  #way(kind: PrefixKind, content: Content, most: number): Way {
    const { block, lengthKey, salt } = kind
    const name = `${block} ${lengthKey} ${content.width} ${salt ?? ""}`
    const root = this.#roots.get(name) ?? newRoot(name)
    const nodes: Way["nodes"] = []
    let length = 0
    for (let node = root; length + block <= most; ) {
      const next = node.children.get(textOfContent(content, length, length + block))
      if (!next) break
      const common = Math.min(tokensInCommon(next.content, content, length), most - length)
      const count = Math.floor(common / block) * block
      nodes.push({ node: next, count })
      length += count
      if (count < lengthOf(next)) break
      node = next
    }
    return { root, nodes, length }
  }

  #use({ nodes }: Way): void {
    for (const { node } of [...nodes].reverse()) {
      this.#order.delete(node)
      this.#order.add(node)
    }
  }

  /** Lets go of what was not used for longest, but of nothing that leads to this node. @returns bytes that are free, at most those asked for */
  #makeRoom(end: Node, bytes: number): number {
    const used = new Set<Node>()
    for (let node: Node | undefined = end; node; node = node.parent) used.add(node)
    for (const node of this.#order) {
      if (this.#bytes + bytes <= this.limit || used.has(node)) break
      this.#evict(node)
    }
    return Math.max(0, Math.min(bytes, this.limit - this.#bytes))
  }

  #evict(node: Node): void {
    const parent = node.parent as Node
    parent.children.delete(node.name)
    if (!parent.parent && parent.children.size === 0) this.#roots.delete(parent.name)
    this.#bytes -= bytesOf(node)
    this.#order.delete(node)
    node.tokens?.dispose()
    this.evictions++
  }

  /** Where a branch begins behind this way: its last node, cut in two if the way ends within it. */
  #endOf({ root, nodes }: Way, { block }: PrefixKind): Node {
    const last = nodes.at(-1)
    if (!last) return root
    const { node, count } = last
    if (count === lengthOf(node)) return node
    const { start, end } = node.content
    const middle = start + count
    const parent = node.parent as Node
    const head: Node = {
      name: node.name,
      parent,
      children: new Map(),
      content: partOfContent(node.content, start, middle),
      tokens: copyOfTokens(node.tokens as Tensor, 0, count),
    }
    parent.children.set(head.name, head)
    node.name = textOfContent(node.content, middle, middle + block)
    head.children.set(node.name, node)
    const tail = copyOfTokens(node.tokens as Tensor, count, end - start)
    node.tokens?.dispose()
    node.tokens = tail
    node.content = partOfContent(node.content, middle, end)
    node.parent = head
    this.#order.add(head)
    return head
  }
}

const newRoot = (name: string): Node => ({
  name,
  parent: undefined,
  children: new Map(),
  content: NOTHING,
  tokens: undefined,
})
const lengthOf = ({ content: { start, end } }: Node): number => end - start
const bytesOf = ({ tokens }: Node): number => tokens?.bytes ?? 0
