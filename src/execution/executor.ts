/**
 * Runs the decoding loops of any number of requests on one model: collects what they ask for, computes it in one forward,
 * and tells each what was predicted. A sequence gets the same tokens alone or among others, and whether its beginning was
 * computed for an earlier one or not.
 */

import { inTurns } from "../in-turns.js"
import type { LanguageModel } from "../models/types.js"
import type { DecodeEvent } from "../paradigms/decode-events.js"
import type { Decoding, ForwardRequest, ForwardResult } from "../paradigms/decode-loop.js"
import type { LikelihoodScoring } from "../paradigms/likelihood/scoring.js"
import type { Prompt } from "../paradigms/prompt.js"
import { noGrad, Scope, tidy } from "../torch/index.js"
import { type Asked, behind, type Part, takeBatch } from "./batch.js"
import { cacheLimits, type PrefixCacheOptions } from "./cache-limits.js"
import { type Choose, forwardSlots } from "./forward.js"
import { PictureCache } from "./picture-cache.js"
import { Reuse } from "./reuse.js"
import { PictureShows, type ShownPictures } from "./shown-pictures.js"
import { Slot } from "./slot.js"
import type { ExecutorStatistics } from "./statistics.js"

/** Rows of a forward, over all its sequences; a longer prompt is computed in pieces, so that it can be aborted and shares the device. */
const MOST_ROWS = 512

interface Waiting {
  slot: Slot
  request: Asked
  choose: Choose
  signal: AbortSignal | undefined
  /** Spent on the parts before. */
  milliseconds: number
  resolve(result: ForwardResult): void
  reject(error: unknown): void
}

export interface ExecutorOptions {
  /** Rows of a forward, over all its sequences. @default 512 */
  mostRows?: number
  /** What is kept of requests for later ones. */
  prefixCache?: PrefixCacheOptions
}

export interface RunOptions {
  signal?: AbortSignal
  /** Tokens of the answer that whoever stops listening has given on: what is behind them is not kept. @default all */
  given?: () => number
}

/** What a request takes, known before it runs. */
export interface RequestSize {
  /** Tokens of the prompt, those of pictures included. */
  promptTokens: number
  /** Of these, those of pictures. @default 0 */
  pictureTokens?: number
  /** Positions of prompt and answer together: `Decoding.length`. */
  length: number
}

const NOTHING: ForwardResult = { ids: new Int32Array(), confidences: new Float32Array(), milliseconds: 0 }

export class Executor {
  readonly #model: LanguageModel
  readonly #mostRows: number
  readonly #reuse: Reuse
  readonly #pictures: PictureCache
  readonly #shows: PictureShows
  readonly #slots = new Set<Slot>()
  #waiting: Waiting[] = []
  /** A forward is under way, or will be in the next turn of the event loop. */
  #busy = false

  /** @throws RangeError for limits that cannot be */
  constructor(model: LanguageModel, { mostRows = MOST_ROWS, prefixCache = {} }: ExecutorOptions = {}) {
    const limits = cacheLimits(prefixCache, model.newCache(1).device)
    this.#model = model
    this.#mostRows = mostRows
    this.#reuse = new Reuse(limits.prefixes)
    this.#pictures = new PictureCache(model, limits.pictures)
    this.#shows = new PictureShows(this.#pictures)
  }

  /**
   * Decodes one answer, or computes how likely given ones are; others may be under way at the same time. Memory is given back when the loop ends, throws, is
   * aborted, or nobody listens any more; what later requests may begin with is kept within the limit.
   * @throws what the loop throws; the reason of `signal` when it is aborted
   */
  async *run(
    prompt: Prompt,
    { loop, length, choose }: Decoding | LikelihoodScoring,
    { signal, given }: RunOptions = {},
  ): AsyncGenerator<DecodeEvent, void, undefined> {
    signal?.throwIfAborted()
    const slot = new Slot(this.#model, prompt, length)
    this.#slots.add(slot)
    let failed = false
    try {
      let next = loop.next(NOTHING)
      while (!next.done) {
        const value = next.value
        if (value.type === "forward") next = loop.next(await this.#forward(slot, value, choose, signal))
        else {
          const { cachedTokens } = slot
          if (value.type === "done") yield { ...value, stats: { ...value.stats, cachedTokens } }
          else yield value.type === "prefill" ? { ...value, cachedTokens } : value
          next = loop.next(NOTHING)
        }
      }
    } catch (error) {
      failed = true
      throw error
    } finally {
      // Nobody listens any more: the next turn of a conversation goes on behind what was said.
      if (!failed) this.#reuse.keepSlot(slot, given && slot.promptTokens + given())
      this.#slots.delete(slot)
      slot.dispose()
    }
  }

  /**
   * Begins a prompt that shows pictures; those that were shown before are known.
   * @param sources names of all that each prepared picture follows from; undefined where that is not known
   * @throws the reason of `signal` when it is aborted
   */
  pictures(
    sources: readonly (string | undefined)[],
    { signal, cacheSalt }: { signal?: AbortSignal; cacheSalt?: string } = {},
  ): Promise<ShownPictures> {
    return this.#shows.begin(sources, signal, cacheSalt)
  }

  /**
   * Bytes that a request holds while it runs, known before: its cache, its embedded prompt, its pictures' features and the
   * logits that it may keep. What a forward needs beside them for a moment is not among them: it depends on the rows of all
   * requests together.
   */
  requestBytes({ length, promptTokens, pictureTokens = 0 }: RequestSize): number {
    const row = noGrad(() => tidy(() => this.#model.embed(Int32Array.of(0)).bytes))
    const logits = (row / this.#model.hiddenSize) * this.#model.vocabSize
    return this.#model.newCache(length).bytes + (promptTokens + pictureTokens) * row + logits
  }

  /** What was asked for, found and kept so far, and what runs now. */
  statistics(): ExecutorStatistics {
    const { asked, reused, recalled, bytes, limit, evictions } = this.#pictures
    return {
      ...this.#reuse.statistics(),
      pictures: { asked, reused, recalled, bytes, limit, evictions },
      running: {
        sequences: this.#slots.size,
        bytes: [...this.#slots].reduce((sum, slot) => sum + slot.bytes, 0),
      },
    }
  }

  /** Gives back all that is kept of requests that have ended: to measure without it, or when the model's weights have changed. */
  clear(): void {
    this.#reuse.clear()
    this.#pictures.clear()
  }

  /** `clear`, and nothing is kept from now on. Requests under way go on. */
  dispose(): void {
    this.clear()
    this.#reuse.limit = 0
    this.#pictures.limit = 0
  }

  /** Without what is known of an earlier request, in parts where it is long. */
  async #forward(
    slot: Slot,
    whole: ForwardRequest,
    choose: Choose,
    signal: AbortSignal | undefined,
  ): Promise<ForwardResult> {
    const asked: Asked = { ...whole, length: whole.branches?.length ?? whole.start + whole.ids.length }
    const begun = await this.#reuse.beginSlot(slot, asked, signal)
    try {
      const result = await new Promise<ForwardResult>((resolve, reject) => {
        signal?.throwIfAborted()
        const request = behind(asked, begun.tokens)
        this.#waiting.push({ slot, request, choose, signal, milliseconds: 0, resolve, reject })
        this.#schedule()
      })
      signal?.throwIfAborted()
      return result
    } finally {
      begun.end()
    }
  }

  /** One forward after the other, in turns with the event loop, so that timers, signals and sockets are served. */
  #schedule(): void {
    if (this.#busy) return
    this.#busy = true
    setImmediate(async () => {
      const { taken, left } = takeBatch(this.#waiting.filter(isWanted), this.#mostRows)
      this.#waiting = left
      await this.#compute(taken)
      this.#busy = false
      if (this.#waiting.length > 0) this.#schedule()
    })
  }

  /** Never rejects: each of the batch is told what became of it. */
  async #compute(batch: readonly { from: Waiting; part: Part }[]): Promise<void> {
    if (batch.length === 0) return
    const started = performance.now()
    const scope = new Scope()
    try {
      const work = forwardSlots(
        this.#model,
        batch.map(({ from: { slot, choose }, part: request }) => ({ slot, choose, request })),
      )
      const results = await inTurns(work, {
        within: (piece) => noGrad(() => scope.within(piece)),
        signal: unlessAllAborted(batch),
      })
      const milliseconds = performance.now() - started
      for (const [i, { from, part }] of batch.entries()) {
        const result = results[i]
        from.milliseconds += milliseconds
        if (result instanceof Error) from.reject(result)
        else {
          this.#reuse.computed(from.slot, part)
          if (part.last) from.resolve({ ...result, milliseconds: from.milliseconds })
          else this.#waiting.push({ ...from, request: behind(from.request, part.ids.length) })
        }
      }
    } catch (error) {
      for (const { from } of batch) from.reject(error)
    } finally {
      scope.dispose()
    }
  }
}

/** Tells whoever is not wanted any more. */
function isWanted({ slot, signal, reject }: Waiting): boolean {
  if (slot.isDisposed) reject(new Error("the sequence was given up"))
  else if (signal?.aborted) reject(signal.reason)
  else return true
  return false
}

/** A forward is given up when nobody wants it any more. Each request looks at its own signal when it is done. */
const unlessAllAborted = (batch: readonly { from: Waiting }[]): { throwIfAborted(): void } => ({
  throwIfAborted() {
    if (batch.every(({ from }) => from.signal?.aborted)) batch[0].from.signal?.throwIfAborted()
  },
})
