/** Keys and values of one sequence's earlier tokens, in memory that is allocated ahead. Knows nothing of what they mean. */

import { BYTES, type Device, type DType, empty, type Tensor, untidied } from "../torch/index.js"

export interface KvCacheShape {
  layers: number
  /** Key heads. */
  heads: number
  headDim: number
  /** Tokens to make room for; it grows by doubling when they are exceeded. */
  capacity: number
  dtype: DType
  device: Device
}

/**
 * One pair [1, Hkv, capacity, d] per layer. A forward writes its tokens behind the committed ones and sees both; they stay
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

  /** Committed tokens. */
  get length(): number {
    return this.#length
  }
  get capacity(): number {
    return this.#capacity
  }
  /** Memory that a token takes once something was written. */
  get bytesPerToken(): number {
    const { layers, heads, headDim, dtype } = this.#shape
    return 2 * layers * heads * headDim * BYTES[dtype]
  }

  /**
   * Puts k and v [1, Hkv, L, d] behind the committed tokens.
   * @returns views over all of them, [1, Hkv, length + L, d], valid until the next write
   */
  write(layer: number, k: Tensor, v: Tensor): { keys: Tensor; values: Tensor } {
    const tokens = k.shape[2]
    const end = this.#length + tokens
    if (end > this.#capacity) this.#grow(end)
    this.#written = tokens
    const put = (store: (Tensor | undefined)[], x: Tensor): Tensor => {
      const whole = store[layer] ?? this.#allocate()
      store[layer] = whole
      whole.narrow(2, this.#length, tokens).copy_(x)
      return whole.narrow(2, 0, end)
    }
    return { keys: put(this.#keys, k), values: put(this.#values, v) }
  }

  /** Keeps the first tokens of the last forward. */
  commit(tokens: number): void {
    if (tokens > this.#written)
      throw new RangeError(`${tokens} tokens cannot be committed: the last forward wrote ${this.#written}`)
    this.#length += tokens
    this.#written = 0
  }

  /** Forgets every token from `length` on. */
  truncate(length: number): void {
    if (length > this.#length)
      throw new RangeError(`a cache of ${this.#length} tokens cannot be truncated to ${length}`)
    this.#length = length
    this.#written = 0
  }

  /** A cache of its own with the same committed tokens: several answers to one prompt pay for one prefill. */
  clone(): KvCache {
    const copy = new KvCache({ ...this.#shape, capacity: this.#capacity })
    copy.#length = this.#length
    for (const [from, to] of [
      [this.#keys, copy.#keys],
      [this.#values, copy.#values],
    ]) {
      from.forEach((whole, layer) => {
        if (whole) to[layer] = this.#copied(whole)
      })
    }
    return copy
  }

  /** Gives the memory back at once. The cache is empty then, and can be used again. */
  dispose(): void {
    for (const store of [this.#keys, this.#values]) {
      for (const whole of store) whole?.dispose()
      store.fill(undefined)
    }
    this.#length = 0
    this.#written = 0
  }

  #allocate(): Tensor {
    const { heads, headDim, dtype, device } = this.#shape
    return untidied(() => empty([1, heads, this.#capacity, headDim], { dtype, device }))
  }

  #copied(whole: Tensor): Tensor {
    const copy = this.#allocate()
    if (this.#length > 0) copy.narrow(2, 0, this.#length).copy_(whole.narrow(2, 0, this.#length))
    return copy
  }

  #grow(tokens: number): void {
    while (this.#capacity < tokens) this.#capacity *= 2
    for (const store of [this.#keys, this.#values]) {
      store.forEach((old, layer) => {
        if (!old) return
        store[layer] = this.#copied(old)
        old.dispose()
      })
    }
  }
}
