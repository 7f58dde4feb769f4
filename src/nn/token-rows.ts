/** A few rows of a frozen embedding that are learned: those of new tokens, such as the mask of diffusion. */

import { embedding, linear, type Tensor, tensor, where } from "../torch/index.js"

export class TokenRows {
  /** int64 [V]: which of `rows` a token has; −1 for the others. */
  readonly #row: Tensor
  readonly #ids: Tensor

  /**
   * @param ids tokens, each once
   * @param rows [tokens, H]
   * @param vocabSize rows of the whole embedding
   */
  constructor(
    readonly ids: readonly number[],
    readonly rows: Tensor,
    vocabSize: number,
  ) {
    const row = new BigInt64Array(vocabSize).fill(-1n)
    for (const [i, id] of ids.entries()) row[id] = BigInt(i)
    this.#row = tensor(row).to({ device: rows.device })
    this.#ids = tensor(BigInt64Array.from(ids, BigInt)).to({ device: rows.device })
  }

  /** Embeddings [n, H] of tokens [n], those with rows here put in; in the type of the embeddings. */
  embed(embedded: Tensor, tokens: Tensor): Tensor {
    const row = this.#row.indexSelect(0, tokens.flatten()).view(...tokens.shape)
    const learned = embedding(this.rows, row.clamp(0)).to(embedded.dtype)
    return where(row.ge(0).unsqueeze(-1), learned, embedded)
  }

  /** Logits [n, V] of hidden states [n, H] where the head is the embedding: it has these rows too. */
  logits(logits: Tensor, hidden: Tensor): Tensor {
    return logits.indexCopy(1, this.#ids, linear(hidden, this.rows.to(hidden.dtype)).to(logits.dtype))
  }

  /** A matrix [V, H] with these rows, in its type. */
  put(matrix: Tensor): Tensor {
    return matrix.indexCopy(0, this.#ids, this.rows.to(matrix.dtype))
  }
}
