/** How long the texts of a grammar without rules are. */

import type { Node } from "./nodes.js"

/** Bytes of the shortest and of the longest text: of none at all [Infinity, −Infinity]. */
export function lengthsOf(root: Node): [shortest: number, longest: number] {
  const known = new Map<Node, [number, number]>()
  const measure = (node: Node): [number, number] => {
    const spine: Node[] = []
    let last = node
    for (; last.kind === "sequence" && !known.has(last); last = last.rest) spine.push(last)
    let lengths = known.get(last) ?? measureOne(last)
    known.set(last, lengths)
    for (const part of spine.reverse()) {
      const first = part.kind === "sequence" ? measure(part.first) : [0, 0]
      lengths = [lengths[0] + first[0], lengths[1] + first[1]]
      known.set(part, lengths)
    }
    return lengths
  }
  const measureOne = (node: Node): [number, number] => {
    switch (node.kind) {
      case "bytes":
        return [1, 1]
      case "choice": {
        const all = node.options.map(measure)
        return [Math.min(...all.map(([least]) => least)), Math.max(...all.map(([, most]) => most))]
      }
      case "repeat": {
        const [least, most] = measure(node.body)
        return [node.least === 0 ? 0 : node.least * least, node.most === 0 ? 0 : node.most * most]
      }
      default:
        return [0, 0]
    }
  }
  return measure(root)
}
