/**
 * Block decoding (paper, section 3.5, equations 4 to 7; docs/reference.md, "Block decoding"): block after block is
 * denoised over the cached blocks before it. Exact and fast by default; token for token the authors' loop with
 * `reference`.
 */

import { setImmediate as nextTurn } from "node:timers/promises"
import { randomFrom } from "../../data/prng.js"
import type { LanguageModel } from "../../models/types.js"
import { noGrad } from "../../torch/index.js"
import type { DecodeEvent } from "../decode-events.js"
import { embedPrompt, type Prompt } from "../prompt.js"
import { checkSampling, type SamplingOptions, type UniformSource } from "../sampling.js"
import { Denoiser } from "./denoiser.js"
import { fastLoop, referenceLoop } from "./loops.js"
import type { TokenShift } from "./needed-rows.js"
import type { RemaskingStrategy } from "./remasking.js"
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
  /** One number per row of the block in each step, masked or not. @default a generator seeded with 0 */
  uniform?: UniformSource
  /** Which row predicts a token: its own, as the authors', or the one before. @default "same" */
  shift?: TokenShift
  /** The authors' loop with all its forwards; answers are equal up to the first end-of-sequence token. */
  reference?: boolean
  signal?: AbortSignal
}

/**
 * Decodes one answer. Yields between forwards, so that the caller's timers, signals and sockets are served.
 * @throws RangeError for options outside their range; the reason of `signal` when it is aborted
 */
export async function* decodeBlocks(
  model: LanguageModel,
  prompt: Prompt,
  options: BlockDecoderOptions,
): AsyncGenerator<DecodeEvent, void, undefined> {
  const { blockSize, maskToken, eos, signal, shift = "same", uniform = randomFrom(0) } = options
  const { steps = blockSize, genLength = 128, strategy = "low_confidence_static", threshold = 0.85 } = options
  checkOptions({ ...options, steps, genLength, threshold }, prompt)
  const sequence = new BlockSequence(
    noGrad(() => embedPrompt(model, prompt)),
    { promptRows: prompt.ids.length, genLength, blockSize, maskToken, eos },
  )
  const denoiser = new Denoiser(model, sequence, { blockSize, maskToken, shift, sampling: options, uniform })
  const loop = options.reference ? referenceLoop : fastLoop
  let forwardsToEnd: number | undefined
  signal?.throwIfAborted()
  for (const event of loop(sequence, denoiser, { blockSize, steps, strategy, threshold })) {
    if (forwardsToEnd === undefined && sequence.isSettled()) forwardsToEnd = denoiser.forwards
    yield event
    await nextTurn()
    signal?.throwIfAborted()
  }
  const ids = sequence.answer()
  const eosIndex = sequence.eosIndex()
  const { forwards, rows, milliseconds } = denoiser
  yield {
    type: "done",
    ids,
    eosIndex,
    stats: {
      forwards,
      rows,
      tokens: eosIndex ?? ids.length,
      forwardsToEnd: forwardsToEnd ?? forwards,
      milliseconds,
    },
  }
}

function checkOptions(
  options: BlockDecoderOptions & { steps: number; genLength: number; threshold: number },
  { ids }: Prompt,
): void {
  for (const name of ["blockSize", "steps", "genLength"] as const)
    if (!Number.isInteger(options[name]) || options[name] < 1)
      throw new RangeError(`${name} must be a positive integer, not ${options[name]}`)
  if (!(options.threshold >= 0 && options.threshold <= 1))
    throw new RangeError(`threshold must be between 0 and 1, not ${options.threshold}`)
  if (ids.length === 0) throw new RangeError("the prompt is empty")
  checkSampling(options)
}
