/**
 * Full-diffusion decoding (docs/reference.md, "Full-diffusion generation"): an answer of masks behind the prompt, denoised
 * block after block while every position sees every other. Exact by default; with `prefixRefresh` over a cache of what lies
 * before the block, which is an approximation.
 */

import { randomFrom } from "../../data/prng.js"
import { ConstrainedAnswer, constrainedRows } from "../constrained-answer.js"
import type { Constraint } from "../constraint.js"
import { doneEvent } from "../decode-events.js"
import type { DecodeLoop, Decoding } from "../decode-loop.js"
import { checkSampling, type UniformSource } from "../sampling.js"
import { chooseTokens, type FullChoice, type FullChoiceOptions } from "./choice.js"
import { denoiseBlocks, type FullLoopOptions, type LoopCounts } from "./loop.js"
import { FULL_REMASKING, type FullRemasking } from "./remasking.js"
import { FullSequence } from "./sequence.js"

export interface FullDiffusionDecoderOptions extends FullChoiceOptions {
  maskToken: number
  /** The text ends behind any of these: decoding ends when one is final and everything before it. */
  eos?: readonly number[]
  /** The format that the answer must have. */
  constraint?: Constraint
  /** Sequences of tokens. The answer ends before the first that is found in it, and nothing behind it is decided. */
  stop?: readonly (readonly number[])[]
  /** Tokens to generate. @default 128 */
  genLength?: number
  /** Tokens per block; must divide `genLength`. @default genLength: one block */
  blockSize?: number
  /** Steps of the whole answer; must be a multiple of the number of blocks. @default genLength: one token each */
  steps?: number
  /** @default "low_confidence" */
  remasking?: FullRemasking
  /** Instead of the schedule of `steps`: as many tokens as are sure enough together (`adaptiveShare`). */
  threshold?: number
  /**
   * Every so many steps of a block all positions are computed and what lies before the block is kept; the steps between see
   * that and compute from the block on. 1 and not given are exact; the paper measures LLaDA-V with 32.
   */
  prefixRefresh?: number
  /** Which row predicts a token: its own, as the authors', or the one before. @default "same" */
  shift?: "same" | "next"
  /**
   * Numbers in [0, 1). Per step: with a temperature one for each position of the answer; with random remasking one for each
   * of prompt and answer. @default a generator seeded with 0
   */
  uniform?: UniformSource
  /** Goes on behind an end-of-sequence token, as the authors do; the text is the same. */
  reference?: boolean
}

/**
 * How one answer is decoded.
 * @param promptLength tokens of the prompt, those of images included
 * @throws RangeError for options outside their range
 */
export function fullDiffusionDecoding(
  promptLength: number,
  options: FullDiffusionDecoderOptions,
): Decoding<FullChoice> {
  const { maskToken, eos = [], stop = [], genLength = 128, guidance = 0, temperature = 0 } = options
  const { blockSize = genLength, steps = genLength } = options
  checkOptions({ ...options, genLength, blockSize, steps }, promptLength)
  const sequence = new FullSequence({ promptLength, genLength, maskToken, eos, stop })
  const { constraint } = options
  const constrained = constraint && new ConstrainedAnswer(constraint, sequence, { start: promptLength, genLength })
  const { remasking = "low_confidence", shift = "same", uniform = randomFrom(0), reference = false } = options
  const { threshold, prefixRefresh } = options
  const loop: FullLoopOptions = {
    promptLength,
    blockSize,
    stepsPerBlock: steps / (genLength / blockSize),
    remasking,
    threshold,
    prefixRefresh,
    shift,
    draws: temperature > 0,
    guided: guidance > 0,
    uniform,
    reference,
  }
  return {
    loop: decode(sequence, loop),
    length: sequence.length,
    choose(logits, choice, companion) {
      if (!constrained) return chooseTokens(logits, options, choice, companion)
      const rows = constrainedRows(logits, companion && { logits: companion, scale: guidance })
      const sampling = { temperature, confidenceFrom: "unmodified" as const }
      return constrained.choose(rows, choice.positions, choice.uniforms, sampling)
    },
  }
}

/** Through the blocks, and the answer at the end. */
function* decode(sequence: FullSequence, options: FullLoopOptions): DecodeLoop<FullChoice> {
  const counts: LoopCounts = { forwards: 0, tokensComputed: 0, milliseconds: 0 }
  yield* denoiseBlocks(sequence, options, counts)
  yield doneEvent(sequence.answer(), sequence.eosIndex(), counts)
}

function checkOptions(
  options: FullDiffusionDecoderOptions & { genLength: number; blockSize: number; steps: number },
  promptLength: number,
): void {
  const { genLength, blockSize, steps, threshold, guidance = 0, prefixRefresh = 1 } = options
  for (const [name, value] of Object.entries({ genLength, blockSize, steps, prefixRefresh }))
    if (!Number.isInteger(value) || value < 1) throw new RangeError(`${name} must be a positive integer, not ${value}`)
  if (genLength % blockSize !== 0)
    throw new RangeError(`an answer of ${genLength} tokens is no whole number of blocks of ${blockSize}`)
  const blocks = genLength / blockSize
  if (steps % blocks !== 0) throw new RangeError(`${steps} steps cannot be dealt evenly to ${blocks} blocks`)
  if (threshold !== undefined && !(threshold >= 0 && threshold < Number.POSITIVE_INFINITY))
    throw new RangeError(`threshold must be 0 or more, not ${threshold}`)
  if (!(guidance >= 0 && guidance < Number.POSITIVE_INFINITY))
    throw new RangeError(`guidance must be 0 or more, not ${guidance}`)
  if (!FULL_REMASKING.includes(options.remasking ?? "low_confidence"))
    throw new RangeError(`remasking must be one of ${FULL_REMASKING.join(", ")}, not ${options.remasking}`)
  if (promptLength === 0) throw new RangeError("the prompt is empty")
  checkSampling({ temperature: options.temperature })
}
