/** Pages that were unpacked lately, of all files of the documents: whoever reads here and there within a part finds them. */

import type { Values } from "./page.js"

/** A window of the asking order (256 documents with a photograph each) fits, with the pages that it only touches. */
const BUDGET = 128 << 20

interface Kept {
  values: Values
  bytes: number
  column: string
}

export class PageCache {
  /** The one that was used last is last. */
  readonly #pages = new Map<object, Kept>()
  /** The last page of each column is never forgotten: each row of it would unpack it again. */
  readonly #latest = new Map<string, object>()
  #bytes = 0
  #turn: Promise<unknown> = Promise.resolve()

  /** One after the other, so that no more than one page is being unpacked. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => {})
    return result
  }

  async get(page: object, column: string, bytes: number, load: () => Promise<Values>): Promise<Values> {
    const known = this.#pages.get(page)
    if (known) {
      this.#pages.delete(page)
      this.#pages.set(page, known)
      this.#latest.set(column, page)
      return known.values
    }
    // Room first: not both in memory.
    this.#latest.delete(column)
    this.#makeRoom(bytes)
    const values = await load()
    this.#pages.set(page, { values, bytes, column })
    this.#latest.set(column, page)
    this.#bytes += bytes
    return values
  }

  clear(): void {
    this.#pages.clear()
    this.#latest.clear()
    this.#bytes = 0
  }

  #makeRoom(bytes: number): void {
    for (const [page, kept] of this.#pages) {
      if (this.#bytes + bytes <= BUDGET) return
      if (this.#latest.get(kept.column) === page) continue
      this.#pages.delete(page)
      this.#bytes -= kept.bytes
    }
  }
}
