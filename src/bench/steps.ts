/** What the benchmarks time: one answer decoded, one step trained, on made-up tokens. */

import type { ModelConfig } from "../checkpoint/config.js"
import { randomFrom } from "../data/prng.js"
import { Executor } from "../execution/executor.js"
import type { LanguageModel } from "../models/types.js"
import type { TrainingSample } from "../paradigms/batch.js"
import { meanLoss } from "../paradigms/batch.js"
import { blockDecoding } from "../paradigms/block-diffusion/decoder.js"
import { blockDiffusionObjective } from "../paradigms/block-diffusion/objective.js"
import { IGNORE } from "../text/conversation.js"
import { backward, type Device, noGrad, synchronize, tidy } from "../torch/index.js"
import { AdamW } from "../train/optimizer.js"

export interface Decoded {
  seconds: number
  forwards: number
}

export interface Decoder {
  /** Tokens of the prompt and of the answer. */
  prompt: number
  length: number
  blockSize: number
  signal?: AbortSignal
}

/** Prepares a model for decoding; each call of the result decodes one answer of `length` tokens with so many steps a block. */
export function answerer(
  model: LanguageModel,
  config: ModelConfig,
  { prompt, length, blockSize, signal }: Decoder,
): (steps: number) => Promise<Decoded> {
  const maskToken = config.text.vocabSize - 1
  const ids = Int32Array.from({ length: prompt }, (_, i) => i % (config.text.vocabSize - 10))
  return async (steps) => {
    const start = performance.now()
    // No token ends this: every run makes the same number of tokens.
    const decoding = blockDecoding(prompt, { maskToken, eos: [], blockSize, steps, genLength: length })
    for await (const event of new Executor(model, { prefixCache: { bytes: 0 } }).run({ ids }, decoding, { signal }))
      if (event.type === "done") return { seconds: (performance.now() - start) / 1000, forwards: event.stats.forwards }
    throw new Error("decoding ended without a result")
  }
}

/** A random model should not predict the mask: its embedding is made small. */
export function shunMask(model: LanguageModel, config: ModelConfig): void {
  const table = model.parameters().get("model.embed_tokens.weight")!
  noGrad(() => table.narrow(0, config.text.vocabSize - 1, 1).mul_(0.1))
}

export interface Training {
  samples?: number
  /** Tokens of a sample, and how many of them, at its end, are the answer. */
  tokens: number
  answer: number
  blockSize: number
  device: Device
}

/** Prepares the text decoder of a model for training; each call of the result is one step, and returns its seconds. */
export function trainer(
  model: LanguageModel,
  config: ModelConfig,
  { samples = 1, tokens, answer, blockSize, device }: Training,
): (seed: number) => number {
  const text = [...model.parameters()].filter(
    ([name]) => !name.includes("vision_tower") && !name.includes("mm_projector"),
  )
  const optimizer = new AdamW(
    text.map(([name, tensor]) => ({ name, tensor, learningRate: 1e-5, weightDecay: 0 })),
    { betas: [0.9, 0.999], eps: 1e-8, maxGradNorm: 1 },
  )
  const { vocabSize } = config.text
  const maskToken = vocabSize - 1
  return (seed) => {
    const random = randomFrom(seed)
    const sequences = Array.from({ length: samples }, (): TrainingSample => {
      const ids = Int32Array.from({ length: tokens }, () => Math.floor(random() * (vocabSize - 10)))
      const labels = ids.map((id, i) => (i < tokens - answer ? IGNORE : id))
      return { ids, labels, images: [], where: "benchmark" }
    })
    synchronize(device)
    const start = performance.now()
    const batch = { samples: sequences, images: [] }
    tidy(() => backward(meanLoss(blockDiffusionObjective(model, batch, { blockSize, maskToken }, random))))
    optimizer.step(1)
    synchronize(device)
    return (performance.now() - start) / 1000
  }
}
