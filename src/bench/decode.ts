/** Decoding speed: block diffusion against the authors' loop and transformers' generate, interleaved in one run. */

import { newModel } from "../models/registry.js"
import { decodeBlocks } from "../paradigms/block-diffusion/decoder.js"
import { type Device, type DType, noGrad } from "../torch/index.js"
import { floorSeconds, measureCeilings } from "./floor.js"
import { median, type Reference } from "./reference.js"
import { configOf, shapeOf } from "./shapes.js"

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
  const maskToken = config.text.vocabSize - 1
  // A random model should not predict the mask: its row is made small, on both sides.
  noGrad(() => model.parameters().get("model.embed_tokens.weight")!.narrow(0, maskToken, 1).mul_(0.1))
  const ids = Int32Array.from({ length: prompt }, (_, i) => i % (config.text.vocabSize - 10))
  const ours = async (count: number): Promise<{ seconds: number; forwards: number; rows: number }> => {
    const start = performance.now()
    // No token ends this: every run makes the same number of tokens.
    for await (const event of decodeBlocks(
      model,
      { ids },
      { maskToken, eos: [], blockSize, steps: count, genLength: length, signal },
    ))
      if (event.type === "done")
        return { seconds: (performance.now() - start) / 1000, forwards: event.stats.forwards, rows: event.stats.rows }
    throw new Error("decoding ended without a result")
  }
  if (reference)
    await reference.ask({
      do: "load",
      shape: shapeOf(shape),
      dtype,
      threads,
      device: device === "cpu" ? "cpu" : "cuda",
    })
  const ceilings = measureCeilings(device, dtype)
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
    const mine: Awaited<ReturnType<typeof ours>>[] = []
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
      floorSeconds(ceilings, { weights, bytes, rows: i === 0 ? prompt : blockSize }),
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
    await reference.ask({ do: "autoregressive", prompt, length: 2 })
    const { seconds } = await reference.ask({ do: "autoregressive", prompt, length })
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
