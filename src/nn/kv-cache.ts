/** Keys and values of earlier rows, in memory that is allocated ahead. Knows nothing of what the rows mean. */

import { type Device, type DType, empty, type Tensor, untidied } from "../torch/index.js"

export interface KvCacheShape {
  layers: number
  batch: number
  /** Key heads. */
  heads: number
  headDim: number
  /** Rows to make room for; it grows by doubling when they are exceeded. */
  capacity: number
  dtype: DType
  device: Device
}

/**
 * One pair [B, Hkv, capacity, d] per layer. A forward writes its rows behind the committed ones and sees both; they stay
 * only when `commit` is called, so a denoising step is forgotten by not committing it. For use without gradients.
 */
export class KvCache {
  readonly #shape: KvCacheShape
  readonly #keys: (Tensor | undefined)[]
  readonly #values: (Tensor | undefined)[]
  #capacity: number
  #length = 0
  #written = 0

  constructor(shape: KvCacheShape) {
    this.#shape = shape
    this.#capacity = Math.max(1, shape.capacity)
    this.#keys = new Array(shape.layers).fill(undefined)
    this.#values = new Array(shape.layers).fill(undefined)
  }

  /** Committed rows, the same for every sample. */
  get length(): number {
    return this.#length
  }
  get capacity(): number {
    return this.#capacity
  }

  /**
   * Puts k and v [B, Hkv, R, d] behind the committed rows.
   * @returns views over all rows, [B, Hkv, length + R, d], valid until the next write
   */
  write(layer: number, k: Tensor, v: Tensor): { keys: Tensor; values: Tensor } {
    const rows = k.shape[2]
    const end = this.#length + rows
    if (end > this.#capacity) this.#grow(end)
    this.#written = rows
    const put = (store: (Tensor | undefined)[], x: Tensor): Tensor => {
      const whole = store[layer] ?? this.#allocate()
      store[layer] = whole
      whole.narrow(2, this.#length, rows).copy_(x)
      return whole.narrow(2, 0, end)
    }
    return { keys: put(this.#keys, k), values: put(this.#values, v) }
  }

  /** Keeps the first `rows` rows of the last forward. */
  commit(rows: number): void {
    if (rows > this.#written)
      throw new RangeError(`${rows} rows cannot be committed: the last forward wrote ${this.#written}`)
    this.#length += rows
    this.#written = 0
  }

  /** Forgets every row from `length` on. */
  truncate(length: number): void {
    if (length > this.#length) throw new RangeError(`a cache of ${this.#length} rows cannot be truncated to ${length}`)
    this.#length = length
    this.#written = 0
  }

  #allocate(): Tensor {
    const { batch, heads, headDim, dtype, device } = this.#shape
    return untidied(() => empty([batch, heads, this.#capacity, headDim], { dtype, device }))
  }

  #grow(rows: number): void {
    while (this.#capacity < rows) this.#capacity *= 2
    for (const store of [this.#keys, this.#values]) {
      store.forEach((old, layer) => {
        if (!old) return
        const larger = this.#allocate()
        if (this.#length > 0) larger.narrow(2, 0, this.#length).copy_(old.narrow(2, 0, this.#length))
        store[layer] = larger
        old.dispose()
      })
    }
  }
}
