/** Training speed: one block-diffusion step on the tokens that are needed against the authors' doubled sequence on PyTorch. */

import { newModel } from "../models/registry.js"
import { type Device, type DType, keepFreedMemory } from "../torch/index.js"
import { median, type Reference } from "./reference.js"
import { configOf, shapeOf } from "./shapes.js"
import { trainer } from "./steps.js"

export interface TrainBenchOptions {
  shape: string
  dtype: DType
  device: Device
  /**
   * Tokens of the sample, and how many of them, at its end, are the answer. 512 and 128 are a picture at the authors' limit
   * of 262,144 pixels (334 tokens), a question and an answer of usual length.
   */
  tokens: number
  answer: number
  blockSize?: number
  rounds?: number
  threads?: number
  reference?: Reference
  signal?: AbortSignal
  onProgress?: (text: string) => void
}

export interface TrainBenchRow {
  what: string
  seconds: number
  /** Tokens of the sample per second, whatever is computed of them, or twice. */
  tokensPerSecond: number
  /** Largest resident memory of the process so far, in 10⁶ bytes; not where the work is on another device. */
  peakMegabytes?: number
  /** Our tokens per second over this row's, the median of the rounds' ratios. */
  ratio?: number
}

export async function benchTrain(options: TrainBenchOptions): Promise<TrainBenchRow[]> {
  const {
    shape,
    dtype,
    device,
    tokens,
    answer,
    blockSize = 8,
    rounds = 3,
    threads = 2,
    reference,
    signal,
    onProgress,
  } = options
  keepFreedMemory()
  onProgress?.(`making ${shape} with random weights`)
  const config = configOf(shape)
  const model = newModel(config, 0, { dtype, device, trainable: true })
  const ours = trainer(model, config, { tokens, answer, blockSize, device })
  if (reference)
    await reference.ask({
      do: "load",
      shape: shapeOf(shape),
      dtype,
      threads,
      device: device === "cpu" ? "cpu" : "cuda",
    })
  const mine: number[] = []
  const theirs: number[] = []
  const megabytes = (bytes: number): number | undefined => (device === "cpu" ? bytes / 1e6 : undefined)
  let theirMemory = 0
  for (let round = 0; round <= rounds; round++) {
    signal?.throwIfAborted()
    onProgress?.(`training step, round ${round} of ${rounds}`)
    const seconds = ours(round)
    const other = await reference?.ask({ do: "train", tokens, answer, block: blockSize, seed: round })
    if (round === 0) continue // warms both up
    mine.push(seconds)
    if (other) {
      theirs.push(other.seconds)
      theirMemory = other.memory
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  const seconds = median(mine)
  const result: TrainBenchRow[] = [
    {
      what: "block diffusion, needed tokens",
      seconds,
      tokensPerSecond: tokens / seconds,
      // Node tells it in units of 1024 bytes.
      peakMegabytes: megabytes(process.resourceUsage().maxRSS * 1024),
    },
  ]
  if (theirs.length > 0) {
    const other = median(theirs)
    result.push({
      what: "authors' doubled sequence on PyTorch",
      seconds: other,
      tokensPerSecond: tokens / other,
      peakMegabytes: megabytes(theirMemory),
      ratio: median(theirs.map((s, i) => s / mine[i])),
    })
  }
  return result
}
