/** How long the texts of a grammar without rules are. */

import { type Node, nodesOf } from "./nodes.js"

/** Bytes of the shortest and of the longest text: of none at all [Infinity, −Infinity]. */
export function lengthsOf(root: Node): [shortest: number, longest: number] {
  const known = new Map<Node, [number, number]>()
  const of = (node: Node): [number, number] => known.get(node)!
  const measure = (node: Node): [number, number] => {
    switch (node.kind) {
      case "bytes":
        return [1, 1]
      case "sequence":
        return [of(node.first)[0] + of(node.rest)[0], of(node.first)[1] + of(node.rest)[1]]
      case "choice": {
        const all = node.options.map(of)
        const least = all.reduce((least, [shortest]) => Math.min(least, shortest), Number.POSITIVE_INFINITY)
        return [least, all.reduce((most, [, longest]) => Math.max(most, longest), Number.NEGATIVE_INFINITY)]
      }
      case "repeat": {
        const [least, most] = of(node.body)
        return [node.least === 0 ? 0 : node.least * least, node.most * most]
      }
      default:
        return [0, 0]
    }
  }
  // Nodes are made behind what they are made of.
  for (const node of nodesOf(root).sort((a, b) => a.id - b.id)) known.set(node, measure(node))
  return of(root)
}
