/** A small encoder of names: the mean of what their words and their pieces of three letters mean, and an MLP. */

import type { WeightSource } from "../../src/models/weight-source.js"
import { takeLinear } from "../../src/models/weight-source.js"
import { Mlp } from "../../src/nn/mlp.js"
import { embedding, type Tensor, tensor } from "../../src/torch/index.js"

/** Words, and pieces of three letters, so that a name with a new word means something too. */
export const piecesOf = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "")
    .flatMap((word) => {
      const marked = `<${word}>`
      const triples = Array.from({ length: marked.length - 2 }, (_, i) => marked.slice(i, i + 3))
      return [word, ...triples.map((triple) => `~${triple}`)]
    })

/** Pieces of these texts, each with its number; 0 stands for a text of which nothing is known. */
export function vocabularyOf(texts: readonly string[]): Map<string, number> {
  const vocabulary = new Map<string, number>([["", 0]])
  for (const piece of texts.flatMap(piecesOf)) if (!vocabulary.has(piece)) vocabulary.set(piece, vocabulary.size)
  return vocabulary
}

export class TextEncoder {
  readonly #table: Tensor
  readonly #mlp: Mlp

  constructor(
    readonly vocabulary: ReadonlyMap<string, number>,
    { width, output }: { width: number; output: number },
    weights: WeightSource,
  ) {
    this.#table = weights.take("embeddings.weight", [vocabulary.size, width])
    const [first, second] = [
      takeLinear(weights, "mlp.fc1", [2 * width, width], true),
      takeLinear(weights, "mlp.fc2", [output, 2 * width], true),
    ]
    this.#mlp = new Mlp(first, second, "gelu_pytorch_tanh")
  }

  /** Texts → [B, C] */
  forward(texts: readonly string[]): Tensor {
    const ids = texts.map((text) => {
      const known = piecesOf(text).flatMap((piece) => this.vocabulary.get(piece) ?? [])
      return known.length > 0 ? known : [0]
    })
    const all = ids.flat()
    const shares = new Float32Array(texts.length * all.length)
    let column = 0
    for (const [row, known] of ids.entries())
      for (let i = 0; i < known.length; i++) shares[row * all.length + column++] = 1 / known.length
    const rows = embedding(this.#table, tensor(BigInt64Array.from(all, BigInt)))
    return this.#mlp.forward(tensor(shares, [texts.length, all.length]).matmul(rows))
  }
}
