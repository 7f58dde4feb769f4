/**
 * Pictures that were shown before are known by their source: they are neither decoded nor prepared again. One that another
 * request prepares already is waited for.
 */

import type { ImageInput } from "../models/types.js"
import { dispose } from "../torch/index.js"
import type { PictureCache, PictureFeatures, RecalledPicture } from "./picture-cache.js"
import { untilAborted } from "./until-aborted.js"

/** The pictures of a prompt; whoever asked says `end` when it has their features, or gives up. */
export interface ShownPictures {
  /** Of each picture that is known what was prepared, without its pixels; undefined for one that must be prepared. */
  readonly known: readonly (ImageInput | undefined)[]
  /**
   * Features of all, in order: those of pictures that were seen are not computed again.
   * @param inputs all pictures; of those that are known nothing is taken
   * @returns handles of their own for whoever asks, to be disposed of or left to the garbage collector
   * @throws UserError for pictures that the model cannot see; the reason of the signal when it is aborted
   */
  features(inputs: readonly ImageInput[]): Promise<PictureFeatures[]>
  end(): void
}

export class PictureShows {
  readonly #cache: PictureCache
  /** Sources that are being prepared for somebody. */
  readonly #pending = new Map<string, Promise<void>>()

  constructor(cache: PictureCache) {
    this.#cache = cache
  }

  /**
   * @param sources names of all that a prepared picture follows from; undefined where that is not known
   * @param salt only what was kept for the same is found
   * @throws the reason of `signal` when it is aborted
   */
  async begin(sources: readonly (string | undefined)[], signal?: AbortSignal, salt?: string): Promise<ShownPictures> {
    const cache = this.#cache
    const keys = sources.map((source) => (source === undefined ? undefined : keyOf(source, salt)))
    for (;;) {
      const others = keys.flatMap((key) => (key === undefined ? [] : (this.#pending.get(key) ?? [])))
      if (others.length === 0) break
      await untilAborted(Promise.all(others), signal)
    }
    signal?.throwIfAborted()
    // All at once, so that no two requests wait for one another.
    const recalled = keys.map((key) => (key === undefined ? undefined : cache.recall(key)))
    const end = this.#prepares(keys.filter((key, i): key is string => key !== undefined && !recalled[i]))
    let left: readonly (RecalledPicture | undefined)[] = recalled
    return {
      known: recalled.map((one) => one?.input),
      async features(inputs) {
        const missing = inputs.flatMap((input, i) => (recalled[i] ? [] : [{ input, key: keys[i] }]))
        const computed = await cache.features(
          missing.map(({ input }) => input),
          signal,
          salt,
        )
        for (const [i, { input, key }] of missing.entries())
          if (key !== undefined) cache.remember(key, input, computed[i].name)
        left = []
        let next = 0
        return recalled.map((one) => one ?? computed[next++])
      },
      end() {
        end()
        dispose(left.flatMap((one) => (one ? [one.features] : [])))
        left = []
      },
    }
  }

  #prepares(keys: readonly string[]): () => void {
    if (keys.length === 0 || this.#cache.limit === 0) return () => {}
    let end = (): void => {}
    const pending = new Promise<void>((resolve) => {
      end = resolve
    })
    for (const key of keys) this.#pending.set(key, pending)
    return () => {
      for (const key of keys) if (this.#pending.get(key) === pending) this.#pending.delete(key)
      end()
    }
  }
}

/** No name of content begins so. */
const keyOf = (source: string, salt: string | undefined): string =>
  `source ${source}${salt === undefined ? "" : ` ${salt}`}`
