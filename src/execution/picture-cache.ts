/**
 * Features of pictures, kept by what the tower is given: a picture that was seen is not computed again, whatever stands before
 * it. What a prompt needs beside them is kept by the picture's source, so that it need not be prepared to be found.
 */

import { inTurns } from "../in-turns.js"
import type { ImageInput, LanguageModel } from "../models/types.js"
import { dispose, noGrad, Scope, type Tensor, untidied } from "../torch/index.js"
import { nameOfContent } from "./content-name.js"
import { type Outline, outlineOf } from "./outline.js"
import { untilAborted } from "./until-aborted.js"

/** What a picture gives a prompt. */
export interface PictureFeatures {
  /** Of `[tokens, E]`; whoever asked disposes of them, or leaves them to the garbage collector. */
  features: Tensor
  /** The same name, the same features. */
  name: string
}

/** A picture that was shown before: what it was prepared as, without its pixels, and its features. */
export interface RecalledPicture extends PictureFeatures {
  input: ImageInput
}

/** What came of a source. */
interface KeptSource extends Outline {
  /** Of its features. */
  name: string
}

export class PictureCache {
  asked = 0
  reused = 0
  /** Of these, those that were known by their source. */
  recalled = 0
  evictions = 0
  #bytes = 0
  readonly #model: LanguageModel
  /** Features by their names and sources by theirs, least recently used first. */
  readonly #kept = new Map<string, Tensor | KeptSource>()
  /** Pictures that are being computed for somebody. */
  readonly #pending = new Map<string, Promise<unknown>>()
  readonly #names = new WeakMap<ImageInput, string>()

  /** @param limit bytes of all that is kept; 0: nothing is */
  constructor(
    model: LanguageModel,
    public limit: number,
  ) {
    this.#model = model
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Features of each picture. Those that are not known are computed as one batch; one that another request computes already
   * is waited for.
   * @param salt only what was kept for the same is found
   * @throws the reason of `signal` when it is aborted
   */
  async features(images: readonly ImageInput[], signal?: AbortSignal, salt?: string): Promise<PictureFeatures[]> {
    const names = images.map((image) => `${this.#nameOf(image)}${salt === undefined ? "" : ` ${salt}`}`)
    for (;;) {
      const others = names.flatMap((name) => (this.#kept.has(name) ? [] : (this.#pending.get(name) ?? [])))
      if (others.length === 0) break
      await untilAborted(Promise.allSettled(others), signal)
    }
    signal?.throwIfAborted()
    const given = new Map<string, Tensor>()
    const missing = new Map<string, ImageInput>()
    for (const [i, name] of names.entries()) {
      const kept = this.#use(name) as Tensor | undefined
      if (kept && !given.has(name)) given.set(name, aliasOf(kept))
      if (!kept) missing.set(name, images[i])
    }
    this.asked += images.length
    this.reused += images.length - missing.size
    try {
      if (missing.size > 0) for (const [name, own] of await this.#compute(missing, signal)) given.set(name, own)
    } catch (error) {
      dispose(given.values())
      throw error
    }
    const taken = new Set<string>()
    return names.map((name) => {
      const own = given.get(name) as Tensor
      // A picture that is shown twice has two handles, which are disposed of one by one.
      const features = taken.has(name) ? aliasOf(own) : own
      taken.add(name)
      return { features, name }
    })
  }

  /** @param source under which the picture was remembered; no name of features is one */
  recall(source: string): RecalledPicture | undefined {
    const kept = this.#use(source) as KeptSource | undefined
    const features = kept && (this.#use(kept.name) as Tensor | undefined)
    if (!features) return undefined
    this.asked++
    this.reused++
    this.recalled++
    return { input: kept.input, name: kept.name, features: aliasOf(features) }
  }

  /**
   * What came of a source, if its features are kept and it is plain data.
   * @param name of its features
   */
  remember(source: string, input: ImageInput, name: string): void {
    const outline = this.#kept.has(name) ? outlineOf(input) : undefined
    if (!outline) return
    this.#drop(source)
    this.#store(source, { ...outline, name, bytes: outline.bytes + 2 * (source.length + name.length) })
  }

  /** Gives everything back; what was handed out stays. */
  clear(): void {
    for (const kept of this.#kept.values()) if (!("input" in kept)) kept.dispose()
    this.#kept.clear()
    this.#bytes = 0
  }

  async #compute(missing: ReadonlyMap<string, ImageInput>, signal?: AbortSignal): Promise<Map<string, Tensor>> {
    const scope = new Scope()
    const work = inTurns(this.#model.encodeImagesInPieces([...missing.values()]), {
      within: (piece) => noGrad(() => scope.within(piece)),
      signal,
    })
    if (this.limit > 0) for (const name of missing.keys()) this.#pending.set(name, work)
    try {
      const features = await work
      return new Map([...missing.keys()].map((name, i) => [name, this.#keep(name, features[i])]))
    } finally {
      for (const name of missing.keys()) this.#pending.delete(name)
      scope.dispose()
    }
  }

  /** Prepared pictures are megabytes, and not changed: what was named once keeps its name. */
  #nameOf(image: ImageInput): string {
    const name = this.#names.get(image) ?? nameOfContent(image)
    this.#names.set(image, name)
    return name
  }

  /** What is kept under a name, as the last that was used. */
  #use(name: string): Tensor | KeptSource | undefined {
    const kept = this.#kept.get(name)
    if (!kept) return undefined
    this.#kept.delete(name)
    this.#kept.set(name, kept)
    return kept
  }

  /** @returns features of their own, kept if they have room: as a part of a batch they would hold the whole of it */
  #keep(name: string, part: Tensor): Tensor {
    const own = untidied(() => noGrad(() => part.clone()))
    return this.#store(name, own) ? aliasOf(own) : own
  }

  /** @returns whether there is room for it */
  #store(name: string, value: Tensor | KeptSource): boolean {
    if (value.bytes > this.limit) return false
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes + value.bytes <= this.limit) break
      this.#drop(oldest)
      this.evictions++
    }
    this.#kept.set(name, value)
    this.#bytes += value.bytes
    return true
  }

  #drop(name: string): void {
    const kept = this.#kept.get(name)
    if (!kept) return
    this.#kept.delete(name)
    this.#bytes -= kept.bytes
    if (!("input" in kept)) kept.dispose()
  }
}

/** Another handle to the same numbers, which lives as long as it is held. */
const aliasOf = (features: Tensor): Tensor => untidied(() => features.detach())
