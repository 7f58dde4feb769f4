/** Keys and values of one sequence's earlier tokens, in memory that is allocated ahead. Knows nothing of what they mean. */

import { BYTES, type Device, type DType, empty, type Tensor, tidy, untidied } from "../torch/index.js"

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

interface Store {
  /** [layers, 2, 1, Hkv, capacity, d] */
  whole: Tensor
  /** Views of it, one pair per layer. */
  pairs: readonly { keys: Tensor; values: Tensor }[]
}

/** Where the tokens are, in a tensor of keys and values. */
const TOKENS = 4

/**
 * A pair [1, Hkv, capacity, d] per layer, all of them in one tensor, so that a range of tokens is copied at once. A forward
 * writes its tokens behind the committed ones and sees both; they stay only when `commit` is called, so a denoising step is
 * forgotten by not committing it. For use without gradients.
 */
export class KvCache {
  readonly #shape: KvCacheShape
  #store: Store | undefined
  #capacity: number
  #length = 0
  #written = 0

  constructor(shape: KvCacheShape) {
    this.#shape = shape
    this.#capacity = Math.max(1, shape.capacity)
  }

  /** Committed tokens. */
  get length(): number {
    return this.#length
  }
  get capacity(): number {
    return this.#capacity
  }
  get device(): Device {
    return this.#shape.device
  }
  /** Of one token's keys and values in all layers. */
  get bytesPerToken(): number {
    const { layers, heads, headDim, dtype } = this.#shape
    return 2 * layers * heads * headDim * BYTES[dtype]
  }
  /** What it takes once something is written. */
  get bytes(): number {
    return this.#capacity * this.bytesPerToken
  }

  /**
   * Puts k and v [1, Hkv, L, d] behind the committed tokens.
   * @returns views over all of them, [1, Hkv, length + L, d], valid until the next write
   */
  write(layer: number, k: Tensor, v: Tensor): { keys: Tensor; values: Tensor } {
    const tokens = k.shape[2]
    const end = this.#length + tokens
    const { pairs } = this.#forForward(tokens)
    const put = (whole: Tensor, x: Tensor): Tensor => {
      whole.narrow(2, this.#length, tokens).copy_(x)
      return whole.narrow(2, 0, end)
    }
    return { keys: put(pairs[layer].keys, k), values: put(pairs[layer].values, v) }
  }

  /**
   * For a caller that writes a forward's tokens itself, behind the committed ones.
   * @returns keys and values [layers, 2, 1, Hkv, capacity, d], valid until more room is made
   */
  reserve(tokens: number): Tensor {
    return this.#forForward(tokens).whole
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

  /** Keys and values of the committed tokens [start, end), [layers, 2, 1, Hkv, n, d], in memory of their own. */
  copy(start: number, end: number): Tensor {
    if (!(start >= 0 && start < end && end <= this.#length))
      throw new RangeError(`a cache of ${this.#length} tokens has none from ${start} to ${end}`)
    return copyOfTokens(this.#room(end).whole, start, end)
  }

  /** Commits tokens whose keys and values are known, as `copy` gives them. */
  append(tokens: Tensor): void {
    const count = tokens.shape[TOKENS]
    const { whole } = this.#room(this.#length + count)
    copyInto(whole, this.#length, tokens)
    this.#length += count
    this.#written = 0
  }

  /** Gives the memory back at once. The cache is empty then, and can be used again. */
  dispose(): void {
    this.#free()
    this.#length = 0
    this.#written = 0
  }

  #forForward(tokens: number): Store {
    this.#written = tokens
    return this.#room(this.#length + tokens)
  }

  #free(): void {
    if (!this.#store) return
    for (const { keys, values } of this.#store.pairs) {
      keys.dispose()
      values.dispose()
    }
    this.#store.whole.dispose()
    this.#store = undefined
  }

  /** The store, with room for so many tokens. */
  #room(tokens: number): Store {
    if (this.#store && tokens <= this.#capacity) return this.#store
    while (this.#capacity < tokens) this.#capacity *= 2
    const { layers, heads, headDim, dtype, device } = this.#shape
    const store = untidied(() => {
      const whole = empty([layers, 2, 1, heads, this.#capacity, headDim], { dtype, device })
      const pairs = Array.from({ length: layers }, (_, layer) => {
        const [keys, values] = [0, 1].map((part) => tidy(() => whole.select(0, layer).select(0, part)))
        return { keys, values }
      })
      return { whole, pairs }
    })
    const old = this.#store
    if (old && this.#length > 0) tidy(() => copyInto(store.whole, 0, viewOfTokens(old.whole, 0, this.#length)))
    this.#free()
    this.#store = store
    return store
  }
}

const copyInto = (whole: Tensor, start: number, tokens: Tensor): void =>
  tidy(() => {
    whole.narrow(TOKENS, start, tokens.shape[TOKENS]).copy_(tokens)
  })

/** Tokens [start, end) of keys and values as `KvCache.copy` gives them, in memory of their own. */
export const copyOfTokens = (tokens: Tensor, start: number, end: number): Tensor =>
  untidied(() => tidy(() => tokens.narrow(TOKENS, start, end - start).clone()))

/** Tokens [start, end), in the same memory. */
export const viewOfTokens = (tokens: Tensor, start: number, end: number): Tensor =>
  tokens.narrow(TOKENS, start, end - start)
