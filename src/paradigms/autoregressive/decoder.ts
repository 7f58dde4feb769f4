/** Autoregressive decoding: one token after the other, each from the row before it, over cached keys and values. */

import { randomFrom } from "../../data/prng.js"
import { type Constraint, onlyAllowed } from "../constraint.js"
import type { DecodeLoop, Decoding } from "../decode-loop.js"
import { ModelLogits } from "../model-logits.js"
import { NotFiniteError, NothingLeftError } from "../not-finite.js"
import type { Prompt } from "../prompt.js"
import { draw, readDrawn, readGreedy, type UniformSource } from "../sampling.js"
import { type ProcessorOptions, type ProcessorState, processLogits } from "./logits-processors.js"
import { checkWarpers, type WarperOptions, warpLogits } from "./warpers.js"

export interface AutoregressiveDecoderOptions extends WarperOptions, ProcessorOptions {
  /** Decoding ends behind any of these. */
  eos: readonly number[]
  /** The format that the answer must have. */
  constraint?: Constraint
  /** Tokens to generate at most. @default 128 */
  genLength?: number
  /** What image rows count as in rules about the tokens so far. @default nothing */
  imageToken?: number
  /** One number per token; used when the temperature is not 0. @default a generator seeded with 0 */
  uniform?: UniformSource
}

/** The tokens so far, and a number in [0, 1). */
export interface NextTokenChoice {
  state: ProcessorState
  uniform: number
  /** State of the answer's format. */
  format?: number
}

/**
 * How one answer is decoded: the prompt in one forward, then a token per forward. The same events as block diffusion, every
 * token being a block of one.
 * @throws RangeError for options outside their range
 */
export function autoregressiveDecoding(
  { ids }: Pick<Prompt, "ids">,
  options: AutoregressiveDecoderOptions,
): Decoding<NextTokenChoice> {
  const { genLength = 128 } = options
  if (!Number.isInteger(genLength) || genLength < 1)
    throw new RangeError(`genLength must be a positive integer, not ${genLength}`)
  if (ids.length === 0) throw new RangeError("the prompt is empty")
  checkWarpers(options)
  return {
    loop: decode(ids, { ...options, genLength }),
    length: ids.length + genLength,
    choose(logits, { state, uniform, format }) {
      const modelLogits = new ModelLogits(logits)
      const processed = processLogits(modelLogits.values, options, state)
      const left = genLength - (state.ids.length - state.promptLength)
      const scores =
        format === undefined ? processed : onlyAllowed(processed, options.constraint as Constraint, format, left)
      try {
        if (!options.temperature) return readGreedy(scores, modelLogits)
        return readDrawn(draw(warpLogits(scores, options), [uniform]), modelLogits)
      } catch (error) {
        // The model's numbers are fine: the rules leave no token.
        if (error instanceof NotFiniteError && modelLogits.areFinite()) throw new NothingLeftError()
        throw error
      }
    },
  }
}

function* decode(
  prompt: Int32Array,
  options: AutoregressiveDecoderOptions & { genLength: number },
): DecodeLoop<NextTokenChoice> {
  const { eos, genLength, imageToken, temperature, uniform = randomFrom(0), constraint } = options
  const promptIds = Array.from(prompt, (id) => (id < 0 ? (imageToken ?? id) : id)).filter((id) => id >= 0)
  const answer: number[] = []
  const stats = { forwards: 0, tokensComputed: 0, milliseconds: 0 }
  let ended = false
  let format = constraint?.tokens.start
  while (answer.length < genLength && !ended) {
    const position = prompt.length + answer.length
    // The prompt at first, then the last token.
    const ids = answer.length === 0 ? prompt : Int32Array.of(answer[answer.length - 1])
    const { length } = ids
    const state = { ids: [...promptIds, ...answer], promptLength: promptIds.length, genLength, eos }
    const predicted = yield {
      type: "forward",
      start: position - length,
      ids,
      blockSize: 1,
      commit: length,
      wanted: Int32Array.of(position - 1),
      choice: { state, uniform: temperature ? uniform() : 0, format },
    }
    stats.forwards++
    stats.tokensComputed += length
    stats.milliseconds += predicted.milliseconds
    if (answer.length === 0) yield { type: "prefill", tokens: length }
    answer.push(predicted.ids[0])
    ended = eos.includes(predicted.ids[0])
    if (!ended && format !== undefined) format = constraint?.tokens.next(format, predicted.ids[0])
    yield {
      type: "step",
      block: answer.length - 1,
      step: 0,
      start: position,
      end: position + 1,
      positions: Int32Array.of(position),
      ids: predicted.ids,
      confidences: predicted.confidences,
      fixed: Int32Array.of(position),
      forward: { tokens: length, cached: position - length, stored: length },
    }
  }
  yield {
    type: "done",
    ids: Int32Array.from(answer),
    eosIndex: ended ? answer.length - 1 : undefined,
    stats: { ...stats, tokens: answer.length - (ended ? 1 : 0), forwardsToEnd: stats.forwards },
  }
}
