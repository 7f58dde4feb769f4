/** Autoregressive decoding: one token after the other, each from the row before it, over cached keys and values. */

import { setImmediate as nextTurn } from "node:timers/promises"
import { randomFrom } from "../../data/prng.js"
import type { LanguageModel } from "../../models/types.js"
import { causal } from "../../nn/attention-pattern.js"
import { noGrad, type Tensor, tidy } from "../../torch/index.js"
import type { DecodeEvent } from "../decode-events.js"
import { NotFiniteError, NothingLeftError } from "../not-finite.js"
import { embedPrompt, type Prompt, promptPositions } from "../prompt.js"
import { draw, type Predictions, preciseLogits, readDrawn, readGreedy, type UniformSource } from "../sampling.js"
import { type ProcessorOptions, processLogits } from "./logits-processors.js"
import { checkWarpers, type WarperOptions, warpLogits } from "./warpers.js"

export interface AutoregressiveDecoderOptions extends WarperOptions, ProcessorOptions {
  /** Decoding ends behind any of these. */
  eos: readonly number[]
  /** Tokens to generate at most. @default 128 */
  genLength?: number
  /** What image rows count as in rules about the tokens so far. @default nothing */
  imageToken?: number
  /** One number per token; used when the temperature is not 0. @default a generator seeded with 0 */
  uniform?: UniformSource
  signal?: AbortSignal
}

/**
 * Decodes one answer: the prompt in one forward, then a row per forward. The same events as block diffusion, every token
 * being a block of one row. Yields between forwards, so that the caller's timers, signals and sockets are served.
 * @throws RangeError for options outside their range; NotFiniteError or EqualLogitsError when the model's numbers are
 * broken; NothingLeftError when the options rule every token out; the reason of `signal` when it is aborted
 */
export async function* decodeAutoregressive(
  model: LanguageModel,
  prompt: Prompt,
  options: AutoregressiveDecoderOptions,
): AsyncGenerator<DecodeEvent, void, undefined> {
  const { eos, genLength = 128, uniform = randomFrom(0), signal } = options
  if (!Number.isInteger(genLength) || genLength < 1)
    throw new RangeError(`genLength must be a positive integer, not ${genLength}`)
  if (prompt.ids.length === 0) throw new RangeError("the prompt is empty")
  checkWarpers(options)
  const promptRows = prompt.ids.length
  const cache = model.newCache(promptRows + genLength)
  const stats = { forwards: 0, rows: 0, milliseconds: 0 }
  const answer: number[] = []
  const promptIds = Array.from(prompt.ids, (id) => (id < 0 ? (options.imageToken ?? id) : id)).filter((id) => id >= 0)
  const choose = (logits: Tensor): Predictions => {
    const precise = preciseLogits(logits)
    const state = { ids: [...promptIds, ...answer], promptLength: promptIds.length, genLength, eos }
    const scores = processLogits(precise, options, state)
    try {
      if (!options.temperature) return readGreedy(scores, precise)
      return readDrawn(draw(warpLogits(scores, options), [uniform()]), precise)
    } catch (error) {
      // The model's numbers are fine: the rules leave no token.
      if (error instanceof NotFiniteError && precise.isfinite().all().item()) throw new NothingLeftError()
      throw error
    }
  }
  /** The token behind the rows that are known so far. */
  const next = (from: number, embed: () => Tensor): { id: number; confidence: number } => {
    const started = performance.now()
    const { ids, confidences } = noGrad(() =>
      tidy(() => {
        const embeddings = embed().unsqueeze(0)
        const rows = embeddings.shape[1]
        const hidden = model.forward({
          embeddings,
          positions: promptPositions(prompt, from, from + rows, embeddings.device),
          patterns: [causal(rows, from)],
          caches: [cache],
          outputRows: [Int32Array.of(rows - 1)],
        })
        cache.commit(rows)
        stats.rows += rows
        return choose(model.logits(hidden))
      }),
    )
    stats.forwards++
    stats.milliseconds += performance.now() - started
    return { id: ids[0], confidence: confidences[0] }
  }

  let ended = false
  signal?.throwIfAborted()
  while (answer.length < genLength && !ended) {
    const row = promptRows + answer.length
    const last = answer[answer.length - 1]
    const { id, confidence } =
      last === undefined
        ? next(0, () => embedPrompt(model, prompt))
        : next(row - 1, () => model.embed(Int32Array.of(last)))
    if (last === undefined) yield { type: "prefill", rows: promptRows }
    answer.push(id)
    ended = eos.includes(id)
    const rows = last === undefined ? promptRows : 1
    yield {
      type: "step",
      block: answer.length - 1,
      step: 0,
      start: row,
      end: row + 1,
      positions: Int32Array.of(row),
      ids: Int32Array.of(id),
      confidences: Float32Array.of(confidence),
      fixed: Int32Array.of(row),
      forward: { rows, cached: row - rows, stored: rows },
    }
    await nextTurn()
    signal?.throwIfAborted()
  }
  yield {
    type: "done",
    ids: Int32Array.from(answer),
    eosIndex: ended ? answer.length - 1 : undefined,
    stats: { ...stats, tokens: answer.length - (ended ? 1 : 0), forwardsToEnd: stats.forwards },
  }
}
