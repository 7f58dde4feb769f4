/**
 * Block decoding (paper, section 3.5, equations 4 to 7; docs/reference.md, "Block decoding"): block after block is
 * denoised over the cached blocks before it. Exact and fast by default; token for token the authors' loop with
 * `reference`.
 */

import { randomFrom } from "../../data/prng.js"
import { ConstrainedAnswer, constrainedRows } from "../constrained-answer.js"
import type { Constraint } from "../constraint.js"
import { doneEvent } from "../decode-events.js"
import type { DecodeLoop, Decoding } from "../decode-loop.js"
import { checkSampling, type SamplingOptions, type UniformSource } from "../sampling.js"
import { type BlockChoice, Denoiser } from "./denoiser.js"
import { fastLoop, referenceLoop } from "./loops.js"
import type { CleanContext, TokenShift } from "./needed-positions.js"
import { type RemaskingStrategy, transferSchedule } from "./remasking.js"
import { BlockSequence } from "./sequence.js"

export interface BlockDecoderOptions extends SamplingOptions {
  maskToken: number
  /** Decoding ends behind any of these. */
  eos: readonly number[]
  blockSize: number
  /** Denoising steps per block. @default the block size: one token each */
  steps?: number
  /** Tokens to generate at most. @default 128 */
  genLength?: number
  /** @default "low_confidence_static" */
  strategy?: RemaskingStrategy
  /** Confidence above which a dynamic strategy makes a token final. @default 0.85 */
  threshold?: number
  /** The format that the answer must have. */
  constraint?: Constraint
  /** One number per row of the block in each step, masked or not. @default a generator seeded with 0 */
  uniform?: UniformSource
  /** Which row predicts a token: its own, as the authors', or the one before. @default "same" */
  shift?: TokenShift
  /** What the prompt and finished blocks see, whose keys and values are stored. @default "block" */
  context?: CleanContext
  /**
   * How many tokens the steps deal out when one block holds prompt and answer: those of a block (DiffusionVL of Qwen2.5-VL), or
   * those of the answer (the authors' other models; docs/reference.md, Q14). @default "blockSize"
   */
  singleBlockSchedule?: "blockSize" | "genLength"
  /**
   * Every forward sees the whole blocks of the prompt and its own block only, as in the authors' LLaDA: neither the rest of
   * the prompt nor blocks that were generated (docs/reference.md, Q7). @default false
   */
  dropCache?: boolean
  /** The authors' loop with all its forwards; answers are equal up to the first end-of-sequence token. */
  reference?: boolean
}

/**
 * How one answer is decoded.
 * @param promptLength tokens of the prompt, those of images included
 * @throws RangeError for options outside their range
 */
export function blockDecoding(promptLength: number, options: BlockDecoderOptions): Decoding<BlockChoice> {
  const { blockSize, maskToken, eos, shift = "same", context = "block", uniform = randomFrom(0) } = options
  const { steps = blockSize, genLength = 128, strategy = "low_confidence_static", threshold = 0.85 } = options
  checkOptions({ ...options, steps, genLength, threshold }, promptLength)
  const sequence = new BlockSequence({ promptTokens: promptLength, genLength, blockSize, maskToken, eos })
  const { dropCache = false, singleBlockSchedule = "blockSize" } = options
  const draws = Boolean(options.temperature)
  const denoiser = new Denoiser(sequence, { blockSize, shift, context, draws, uniform, dropCache })
  const { constraint } = options
  const constrained = constraint && new ConstrainedAnswer(constraint, sequence, { start: promptLength, genLength })
  const loop = options.reference ? referenceLoop : fastLoop
  const schedule = transferSchedule(sequence.full && singleBlockSchedule === "genLength" ? genLength : blockSize, steps)
  // Nothing trained with the shift ever predicts the mask; without it, the authors let it happen.
  const banned = shift === "next" ? maskToken : undefined
  return {
    loop: decode(sequence, denoiser, loop(sequence, denoiser, { schedule, strategy, threshold, dropCache })),
    length: sequence.length,
    choose: constrained
      ? (logits, { positions, uniforms }) => constrained.choose(constrainedRows(logits), positions, uniforms, options)
      : { sampling: ({ uniforms }) => ({ options, uniforms, banned }) },
  }
}

/** Through the blocks, and the answer at the end. */
function* decode(
  sequence: BlockSequence,
  denoiser: Denoiser,
  blocks: ReturnType<typeof fastLoop>,
): DecodeLoop<BlockChoice> {
  yield* blocks
  yield doneEvent(sequence.answer(), sequence.eosIndex(), denoiser)
}

function checkOptions(
  options: BlockDecoderOptions & { steps: number; genLength: number; threshold: number },
  promptLength: number,
): void {
  for (const name of ["blockSize", "steps", "genLength"] as const)
    if (!Number.isInteger(options[name]) || options[name] < 1)
      throw new RangeError(`${name} must be a positive integer, not ${options[name]}`)
  if (!(options.threshold >= 0 && options.threshold <= 1))
    throw new RangeError(`threshold must be between 0 and 1, not ${options.threshold}`)
  if (options.dropCache && options.shift === "next")
    throw new RangeError("dropCache is for models that predict a token at its own position, and shift is next")
  if (promptLength === 0) throw new RangeError("the prompt is empty")
  checkSampling(options)
}
