/** Decoding speed: block diffusion against the authors' loop and transformers' generate, interleaved in one run. */

import { newModel } from "../models/registry.js"
import type { Device, DType } from "../torch/index.js"
import { median, type Reference } from "./reference.js"
import { measurePeaks, rooflineSeconds } from "./roofline.js"
import { configOf, shapeOf } from "./shapes.js"
import { answerer, type Decoded, shunMask } from "./steps.js"

export interface DecodeBenchOptions {
  shape: string
  dtype: DType
  device: Device
  /** Tokens of the prompt and of the answer. @default 330 and 32, the setting of the authors' evaluation in small */
  prompt?: number
  length?: number
  blockSize?: number
  /** Denoising steps per block; each is a row of the result. @default [8, 4, 2] */
  steps?: readonly number[]
  rounds?: number
  /** Threads of the other side. */
  threads?: number
  reference?: Reference
  signal?: AbortSignal
  onProgress?: (text: string) => void
}

export interface DecodeBenchRow {
  what: string
  /** Medians over the rounds. */
  seconds: number
  tokensPerSecond: number
  forwards?: number
  millisecondsPerForward?: number
  /** Part of the floor's speed that is reached, prompt included. */
  shareOfFloor?: number
  /** Our tokens per second over this row's, the median of the rounds' ratios. */
  ratio?: number
}

export async function benchDecode(options: DecodeBenchOptions): Promise<DecodeBenchRow[]> {
  const {
    shape,
    dtype,
    device,
    prompt = 330,
    length = 32,
    blockSize = 8,
    steps = [8, 4, 2],
    rounds = 3,
    threads = 2,
    reference,
    signal,
    onProgress,
  } = options
  onProgress?.(`making ${shape} with random weights`)
  const config = configOf(shape)
  const model = newModel(config, 0, { dtype, device })
  shunMask(model, config) // on both sides
  const ours = answerer(model, config, { prompt, length, blockSize, signal })
  if (reference)
    await reference.ask({
      do: "load",
      shape: shapeOf(shape),
      dtype,
      threads,
      device: device === "cpu" ? "cpu" : "cuda",
    })
  const peaks = measurePeaks(device, dtype)
  const body = [...model.parameters()].filter(
    ([name]) =>
      name.startsWith("model.layers.") ||
      name === "lm_head.weight" ||
      (config.text.tie && name === "model.embed_tokens.weight"),
  )
  const weights = body.reduce((sum, [, tensor]) => sum + tensor.size, 0)
  const bytes = body.reduce((sum, [, tensor]) => sum + tensor.bytes, 0)

  const rows: DecodeBenchRow[] = []
  for (const count of steps) {
    const mine: Decoded[] = []
    const theirs: Record<string, number>[] = []
    for (let round = 0; round <= rounds; round++) {
      signal?.throwIfAborted()
      onProgress?.(`decode, ${count} steps, round ${round} of ${rounds}`)
      const result = await ours(count)
      const answer =
        reference && (await reference.ask({ do: "decode", prompt, length, block: blockSize, steps: count }))
      if (round === 0) continue // warms both up
      mine.push(result)
      if (answer) theirs.push(answer)
    }
    const seconds = median(mine.map((r) => r.seconds))
    const { forwards } = mine[0]
    const floor = Array.from({ length: forwards }, (_, i) =>
      rooflineSeconds(peaks, { weights, bytes, rows: i === 0 ? prompt : blockSize }),
    ).reduce((a, b) => a + b, 0)
    rows.push({
      what: `block diffusion, ${count} steps`,
      seconds,
      tokensPerSecond: length / seconds,
      forwards,
      millisecondsPerForward: (1000 * seconds) / forwards,
      shareOfFloor: floor / seconds,
    })
    if (theirs.length > 0) rows.push(theirRow(`authors' loop on PyTorch, ${count} steps`, theirs, mine, length))
  }
  if (reference) {
    onProgress?.("autoregressive generate of transformers")
    await reference.ask({ do: "greedy", prompt, length: 2 })
    const { seconds } = await reference.ask({ do: "greedy", prompt, length })
    rows.push({ what: "autoregressive, transformers", seconds, tokensPerSecond: length / seconds })
  }
  return rows
}

function theirRow(
  what: string,
  theirs: Record<string, number>[],
  mine: { seconds: number }[],
  length: number,
): DecodeBenchRow {
  const seconds = median(theirs.map((r) => r.seconds))
  return {
    what,
    seconds,
    tokensPerSecond: length / seconds,
    forwards: theirs[0].forwards,
    millisecondsPerForward: (1000 * seconds) / theirs[0].forwards,
    ratio: median(theirs.map((r, i) => r.seconds / mine[i].seconds)),
  }
}
