/** Zero-shot retrieval: which name belongs to a drawing, and which drawing to a name, among all of a set. */

import { noGrad, tidy } from "../../src/torch/index.js"
import type { Concept } from "./data.js"
import type { Siglip } from "./model.js"

export interface Retrieval {
  things: number
  /** Share of drawings whose name is the first, or among the first five. */
  names: { first: number; five: number }
  /** Share of names whose drawing is. */
  drawings: { first: number; five: number }
}

const BATCH = 64

/** Of each thing, its first drawing. */
export function retrieve(model: Siglip, concepts: readonly Concept[]): Retrieval {
  const n = concepts.length
  const similarity = noGrad(() =>
    tidy(() => {
      const texts = model.texts(concepts.map(({ name }) => name)).transpose(0, 1)
      return Array.from({ length: Math.ceil(n / BATCH) }, (_, i) => {
        const pixels = concepts.slice(i * BATCH, (i + 1) * BATCH).map(({ drawings }) => drawings[0].pixels)
        return model.pictures(pixels).matmul(texts).toNumbers()
      }).flat()
    }),
  )
  /** How many others are likelier than the right one. */
  const ranks = (at: (right: number, other: number) => number): number[] =>
    Array.from({ length: n }, (_, right) => {
      const own = at(right, right)
      let before = 0
      for (let other = 0; other < n; other++) if (other !== right && at(right, other) >= own) before++
      return before
    })
  const share = (all: readonly number[], within: number): number =>
    all.filter((rank) => rank < within).length / Math.max(1, n)
  const names = ranks((drawing, name) => similarity[drawing * n + name])
  const drawings = ranks((name, drawing) => similarity[drawing * n + name])
  return {
    things: n,
    names: { first: share(names, 1), five: share(names, 5) },
    drawings: { first: share(drawings, 1), five: share(drawings, 5) },
  }
}
