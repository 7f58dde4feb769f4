/** What was made once, kept for the next time it is asked for. */

/**
 * As much as fits, keys included: what was not used for longest goes first. What was used last stays, also where it alone is
 * more than fits: it would be made anew for whoever asks for it again.
 */
export class Kept<V> {
  readonly #values = new Map<string, V>()
  readonly #most: number
  readonly #bytesOf: (value: V) => number

  /**
   * @param most bytes, of all together
   * @param bytesOf a value, which may grow with use: asked whenever one is looked for or kept
   */
  constructor(most: number, bytesOf: (value: V) => number) {
    this.#most = most
    this.#bytesOf = bytesOf
  }

  get(key: string): V | undefined {
    const value = this.#values.get(key)
    if (value !== undefined) this.set(key, value)
    return this.#values.get(key)
  }

  set(key: string, value: V): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    let room = this.#most
    for (const [old, one] of [...this.#values].reverse()) {
      const size = this.#bytesOf(one) + 2 * old.length
      if (size > room && old !== key) this.#values.delete(old)
      else room -= size
    }
  }
}
