/** Asking an executor directly, in any way of decoding the tiny model. */

import { randomFrom } from "../../src/data/prng.js"
import type { Executor } from "../../src/execution/executor.js"
import type { ForwardInput, LanguageModel } from "../../src/models/types.js"
import { autoregressiveDecoding } from "../../src/paradigms/autoregressive/decoder.js"
import { blockDecoding } from "../../src/paradigms/block-diffusion/decoder.js"
import type { DecodeDone, DecodeEvent } from "../../src/paradigms/decode-events.js"
import type { Decoding } from "../../src/paradigms/decode-loop.js"
import { fullDiffusionDecoding } from "../../src/paradigms/full-diffusion/decoder.js"
import type { Prompt } from "../../src/paradigms/prompt.js"
import { EOS, MASK } from "./tiny-model.js"

export const NOTHING_KEPT = { prefixCache: { bytes: 0 } }

export interface How {
  /** 0: autoregressive. −1: full diffusion. */
  blockSize: number
  genLength?: number
  shift?: "same" | "next"
  context?: "block" | "causal"
  reference?: boolean
  dropCache?: boolean
  temperature?: number
  seed?: number
}

export function decodingOf(
  prompt: Prompt,
  { blockSize, genLength = 9, temperature = 0, seed = 1, ...how }: How,
): Decoding {
  const options = { eos: [EOS], genLength, temperature, uniform: randomFrom(seed) }
  if (blockSize === 0) return autoregressiveDecoding(prompt, options) as Decoding
  if (blockSize < 0) return fullDiffusionDecoding(prompt.ids.length, { ...options, maskToken: MASK }) as Decoding
  const block = { ...options, ...how, blockSize, maskToken: MASK }
  const dynamic = { strategy: "low_confidence_dynamic", threshold: 0.3 } as const
  return blockDecoding(prompt.ids.length, { ...block, ...dynamic }) as Decoding
}

export async function doneOf(events: AsyncGenerator<DecodeEvent>): Promise<DecodeDone> {
  let done: DecodeDone | undefined
  for await (const event of events) if (event.type === "done") done = event
  return done as DecodeDone
}

export const ask = (executor: Executor, prompt: Prompt, how: How, signal?: AbortSignal): Promise<DecodeDone> =>
  doneOf(executor.run(prompt, decodingOf(prompt, how), { signal }))

/** A model that notes the rows of its forwards. */
export function counting(of: LanguageModel): { model: LanguageModel; rows: number[] } {
  const rows: number[] = []
  const counted = (name: "forward" | "forwardInPieces") => ({
    value: (input: ForwardInput) => {
      rows.push(input.embeddings.shape[1])
      return of[name](input)
    },
  })
  const model: LanguageModel = Object.create(of, {
    forward: counted("forward"),
    forwardInPieces: counted("forwardInPieces"),
  })
  return { model, rows }
}

export const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
