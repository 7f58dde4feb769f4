/** One answer at a time: the decoders of the library, on an executor of their own. */

import { Executor } from "../../src/execution/executor.js"
import type { LanguageModel } from "../../src/models/types.js"
import {
  type AutoregressiveDecoderOptions,
  autoregressiveDecoding,
} from "../../src/paradigms/autoregressive/decoder.js"
import { type BlockDecoderOptions, blockDecoding } from "../../src/paradigms/block-diffusion/decoder.js"
import type { DecodeEvent } from "../../src/paradigms/decode-events.js"
import { type FullDiffusionDecoderOptions, fullDiffusionDecoding } from "../../src/paradigms/full-diffusion/decoder.js"
import type { Prompt } from "../../src/paradigms/prompt.js"

type Events = AsyncGenerator<DecodeEvent, void, undefined>

/**
 * Decodes an answer token by token.
 * @throws RangeError for options outside their range; NotFiniteError or EqualLogitsError when the model's numbers are
 * broken; NothingLeftError when the options rule every token out; the reason of `signal` when it is aborted
 */
export async function* decodeAutoregressive(
  model: LanguageModel,
  prompt: Prompt,
  { signal, ...options }: AutoregressiveDecoderOptions & { signal?: AbortSignal },
): Events {
  yield* new Executor(model).run(prompt, autoregressiveDecoding(prompt, options), { signal })
}

/**
 * Decodes an answer block by block.
 * @throws as `decodeAutoregressive`
 */
export async function* decodeBlocks(
  model: LanguageModel,
  prompt: Prompt,
  { signal, ...options }: BlockDecoderOptions & { signal?: AbortSignal },
): Events {
  yield* new Executor(model).run(prompt, blockDecoding(prompt.ids.length, options), { signal })
}

/**
 * Decodes an answer by full diffusion.
 * @throws as `decodeAutoregressive`
 */
export async function* decodeFullDiffusion(
  model: LanguageModel,
  prompt: Prompt,
  { signal, ...options }: FullDiffusionDecoderOptions & { signal?: AbortSignal },
): Events {
  yield* new Executor(model).run(prompt, fullDiffusionDecoding(prompt.ids.length, options), { signal })
}
