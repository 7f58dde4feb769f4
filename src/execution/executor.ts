/**
 * Runs the decoding loops of any number of requests on one model: collects what they ask for, computes it in one forward,
 * and tells each what was predicted. A sequence gets the same tokens alone or among others.
 */

import { inTurns } from "../in-turns.js"
import type { LanguageModel } from "../models/types.js"
import type { DecodeEvent } from "../paradigms/decode-events.js"
import type { Decoding, ForwardRequest, ForwardResult } from "../paradigms/decode-loop.js"
import type { Prompt } from "../paradigms/prompt.js"
import { noGrad, Scope } from "../torch/index.js"
import { forwardSlots } from "./forward.js"
import { Slot } from "./slot.js"

/** Rows of a forward, over all its sequences; a longer prompt is computed in pieces, so that it can be aborted and shares the device. */
const MOST_ROWS = 512

interface Waiting {
  slot: Slot
  request: ForwardRequest & { length?: number }
  choose: Decoding["choose"]
  signal: AbortSignal | undefined
  resolve(result: ForwardResult): void
  reject(error: unknown): void
}

export interface RunOptions {
  signal?: AbortSignal
  /** A prompt that was computed before, of which this one may be the same: its tokens are not computed again. */
  prefix?: Prefix
}

export interface PrefillOptions {
  /** How many: whole blocks. */
  tokens: number
  /** As the answers will be decoded: 1 for autoregressive ones. */
  blockSize: number
  /** Whether the model sees its prompt causally, whatever the block size. @default false */
  causally?: boolean
  signal?: AbortSignal
}

/** The keys and values of a prompt's beginning, for any number of answers. */
export interface Prefix {
  /** @internal */
  readonly slot: Slot
  dispose(): void
}

export class Executor {
  readonly #model: LanguageModel
  readonly #mostRows: number
  #waiting: Waiting[] = []
  /** A forward is under way, or will be in the next turn of the event loop. */
  #busy = false

  constructor(model: LanguageModel, { mostRows = MOST_ROWS }: { mostRows?: number } = {}) {
    this.#model = model
    this.#mostRows = mostRows
  }

  /**
   * Decodes one answer; others may be decoded at the same time. Memory is given back when the loop ends, throws, is
   * aborted, or nobody listens any more.
   * @throws what the loop throws; the reason of `signal` when it is aborted
   */
  async *run(
    prompt: Prompt,
    { loop, length, choose }: Decoding,
    { signal, prefix }: RunOptions = {},
  ): AsyncGenerator<DecodeEvent, void, undefined> {
    signal?.throwIfAborted()
    const slot = new Slot(this.#model, prompt, length, prefix?.slot)
    try {
      let next = loop.next({ ids: new Int32Array(), confidences: new Float32Array(), milliseconds: 0 })
      while (!next.done) {
        const value = next.value
        if (value.type === "forward") next = loop.next(await this.#forward(slot, value, choose, signal))
        else {
          yield value
          next = loop.next({ ids: new Int32Array(), confidences: new Float32Array(), milliseconds: 0 })
        }
      }
    } finally {
      slot.dispose()
    }
  }

  /** Computes the first tokens of a prompt, for several answers to it. */
  async prefill(prompt: Prompt, { tokens, blockSize, causally = false, signal }: PrefillOptions): Promise<Prefix> {
    if (tokens % blockSize !== 0) throw new RangeError(`${tokens} tokens are no whole blocks of ${blockSize}`)
    const slot = new Slot(this.#model, prompt, tokens)
    try {
      const ids = prompt.ids.slice(0, tokens)
      const request = { start: 0, ids, blockSize, commit: tokens, commitCausally: causally, wanted: new Int32Array() }
      await this.#forward(slot, { type: "forward", ...request }, neverChoose, signal)
      return { slot, dispose: () => slot.dispose() }
    } catch (error) {
      slot.dispose()
      throw error
    }
  }

  /** In pieces where it is long: all but the last only fill the cache. */
  async #forward(
    slot: Slot,
    whole: ForwardRequest,
    choose: Decoding["choose"],
    signal: AbortSignal | undefined,
  ): Promise<ForwardResult> {
    let milliseconds = 0
    for (const request of slot.pieces(whole, this.#mostRows)) {
      signal?.throwIfAborted()
      const result = await new Promise<ForwardResult>((resolve, reject) => {
        this.#waiting.push({ slot, request, choose, signal, resolve, reject })
        this.#schedule()
      })
      milliseconds += result.milliseconds
      if (request.last) {
        signal?.throwIfAborted()
        return { ...result, milliseconds }
      }
    }
    throw new Error("a forward has no last piece")
  }

  /** One forward after the other, in turns with the event loop, so that timers, signals and sockets are served. */
  #schedule(): void {
    if (this.#busy) return
    this.#busy = true
    setImmediate(async () => {
      await this.#compute(this.#take())
      this.#busy = false
      if (this.#waiting.length > 0) this.#schedule()
    })
  }

  /** The oldest requests that fit into one forward. */
  #take(): Waiting[] {
    let rows = 0
    const fits = this.#waiting.findIndex(({ request }, i) => {
      rows += request.ids.length + (request.companion?.length ?? 0)
      return i > 0 && rows > this.#mostRows
    })
    return this.#waiting.splice(0, fits < 0 ? this.#waiting.length : fits)
  }

  /** Never rejects: each of the batch is told what became of it. */
  async #compute(batch: readonly Waiting[]): Promise<void> {
    const live = batch.filter(({ slot, reject }) => {
      if (slot.isDisposed) reject(new Error("the sequence was given up"))
      return !slot.isDisposed
    })
    if (live.length === 0) return
    const started = performance.now()
    const scope = new Scope()
    try {
      const results = await inTurns(forwardSlots(this.#model, live), {
        within: (piece) => noGrad(() => scope.within(piece)),
        signal: unlessAllAborted(live),
      })
      const milliseconds = performance.now() - started
      for (const [i, { resolve, reject }] of live.entries()) {
        const result = results[i]
        if (result instanceof Error) reject(result)
        else resolve({ ...result, milliseconds })
      }
    } catch (error) {
      for (const { reject } of live) reject(error)
    } finally {
      scope.dispose()
    }
  }
}

/** A forward is given up when nobody wants it any more. Each request looks at its own signal when it is done. */
const unlessAllAborted = (live: readonly Waiting[]): { throwIfAborted(): void } => ({
  throwIfAborted() {
    if (live.every(({ signal }) => signal?.aborted)) live[0].signal?.throwIfAborted()
  },
})

const neverChoose = (): never => {
  throw new Error("nothing is predicted while a prompt is computed")
}
