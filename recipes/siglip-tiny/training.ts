/** The training loop: batches of different things, each with one of its names; resumable at any step. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { createFolder } from "../../src/checkpoint/files.js"
import { readHeader, writeTensors } from "../../src/checkpoint/safetensors/safetensors.js"
import { randomFrom } from "../../src/data/prng.js"
import { shuffledEpoch } from "../../src/data/sampler.js"
import { MappedFiles } from "../../src/models/mapped-files.js"
import { tensorEntries } from "../../src/models/save.js"
import { backward, noGrad, type Tensor, tidy } from "../../src/torch/index.js"
import { AdamW } from "../../src/train/optimizer.js"
import { learningRateFactor } from "../../src/train/schedule.js"
import { type Concept, varied } from "./data.js"
import type { Siglip } from "./model.js"
import type { Settings } from "./settings.js"

export interface TrainingStep {
  step: number
  loss: number
}

export interface TrainingInput {
  settings: Settings
  /** Checkpoints are written there. */
  folder: string
  model: Siglip
  weights: ReadonlyMap<string, Tensor>
  concepts: readonly Concept[]
  signal?: AbortSignal
  /** Of each step, also of those before a stop. */
  onStep: (step: TrainingStep) => void
}

const CHECKPOINT = "checkpoint"
const FILE = "model.safetensors"

/** @returns false when the signal stopped it: the same call goes on from there */
export async function trainSiglip({
  settings,
  folder,
  model,
  weights,
  concepts,
  signal,
  onStep,
}: TrainingInput): Promise<boolean> {
  const { steps, seed, batch, learning_rate: learningRate, weight_decay, warmup_ratio, save_every } = settings
  const parameters = [...weights].map(([name, tensor]) => ({
    name,
    tensor,
    learningRate,
    weightDecay: tensor.rank > 1 ? weight_decay : 0,
  }))
  const optimizer = new AdamW(parameters, { betas: [0.9, 0.95], eps: 1e-8, maxGradNorm: 1 })
  let step = restore(folder, weights, optimizer)
  const save = (): Promise<void> => saveCheckpoint(folder, step, weights, optimizer)
  while (step < steps) {
    if (signal?.aborted) {
      await save()
      return false
    }
    const { pixels, texts } = batchOf(concepts, { step, seed, size: batch, side: settings.data.size })
    const loss = tidy(() => {
      const value = model.loss(pixels, texts)
      backward(value)
      return value.item()
    })
    optimizer.step(learningRateFactor("cosine", step / steps, warmup_ratio))
    onStep({ step, loss })
    step++
    if (step % save_every === 0 || step === steps) await save()
    // Signals and timers are served between steps.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return true
}

/** Everything random is a function of (seed, step). */
function batchOf(
  concepts: readonly Concept[],
  { step, seed, size, side }: { step: number; seed: number; size: number; side: number },
): { pixels: Float32Array[]; texts: string[] } {
  const count = Math.min(size, concepts.length)
  const chosen = Array.from({ length: count }, (_, i) => {
    const position = step * count + i
    const order = shuffledEpoch(concepts.length, seed, Math.floor(position / concepts.length))
    return order[position % concepts.length]
  })
  // Around the end of an epoch a thing may come twice: it would be no pair of itself.
  const things = [...new Set(chosen)].map((index) => concepts[index])
  const random = randomFrom(seed, step, 22)
  const one = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]
  return {
    texts: things.map(({ name, texts }) => (random() < 0.5 ? name : one(texts))),
    pixels: things.map(({ drawings }) => varied(one(drawings), side, random)),
  }
}

async function saveCheckpoint(
  folder: string,
  step: number,
  weights: ReadonlyMap<string, Tensor>,
  optimizer: AdamW,
): Promise<void> {
  const named = [...weights].map(([name, tensor]): [string, Tensor] => [`weights.${name}`, tensor.detach()])
  const entries = tensorEntries(new Map([...named, ...optimizer.state()]))
  const fill = async (staging: string): Promise<void> => {
    await writeTensors(staging, entries, { metadata: { step: String(step) } })
  }
  await createFolder(join(folder, CHECKPOINT), fill, { replace: true })
}

/** @returns the step to go on with */
function restore(folder: string, weights: ReadonlyMap<string, Tensor>, optimizer: AdamW): number {
  const file = join(folder, CHECKPOINT, FILE)
  if (!existsSync(file)) return 0
  const { tensors, metadata } = readHeader(file)
  const mapped = new MappedFiles()
  const saved = new Map([...tensors].map(([name, place]) => [name, mapped.tensor(place)]))
  noGrad(() => {
    for (const [name, tensor] of weights) tensor.copy_(saved.get(`weights.${name}`) as Tensor)
  })
  optimizer.restore(saved)
  return Number(metadata.step)
}
