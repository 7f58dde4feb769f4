/** Values that come when they come, for one who waits for them: an asynchronous queue. */

export class Channel<T> implements AsyncIterable<T> {
  readonly #values: T[] = []
  #end: { error?: unknown } | undefined
  #wake: (() => void) | undefined

  push(value: T): void {
    if (this.#end) return
    this.#values.push(value)
    this.#wake?.()
  }

  /** No more values; with an error it is thrown behind those that came before. */
  end(error?: unknown): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      while (this.#values.length > 0) yield this.#values.shift() as T
      if (this.#end) {
        if (this.#end.error !== undefined) throw this.#end.error
        return
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }
}
