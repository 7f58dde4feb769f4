/** Checkpoints of a training: what is needed to go on bit-exactly, written so that a crash leaves the last one whole. */

import { existsSync } from "node:fs"
import { readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import type { ModelConfig } from "../checkpoint/config.js"
import { createFolder, writeJson } from "../checkpoint/files.js"
import { readJsonObject } from "../checkpoint/read-config.js"
import { openTensors, readHeader, writeTensorFile } from "../checkpoint/safetensors.js"
import { UserError } from "../errors.js"
import { saveModel, tensorEntries } from "../models/save.js"
import { mapFile, noGrad, type Tensor, viewBytes } from "../torch/index.js"
import type { AdamW } from "./optimizer.js"

/** Everything random is derived from (seed, step), so a step number is the whole state of data order, noise and augmentation. */
export interface TrainerState {
  /** Optimizer steps done. */
  step: number
  /** Training time so far. */
  seconds: number
  /** Part of the training that is done; follows the clock under a time budget. */
  progress: number
  /** Progress that the next step's batch is drawn by: batches are made one step ahead. */
  drawnAt: number
  /** Fingerprint of what must not change between sessions. */
  fingerprint: string
  /** The model the training started from, as the recipe names it. */
  model: string
}

const STATE_FILE = "trainer_state.json"
const OPTIMIZER_FILE = "optimizer.safetensors"

/** Step numbers of the whole checkpoints in a training's folder, ascending. */
export async function checkpointSteps(folder: string): Promise<number[]> {
  if (!existsSync(folder)) return []
  const names = await readdir(folder)
  const steps = names.flatMap((name) => {
    const match = /^checkpoint-(\d+)$/.exec(name)
    return match && existsSync(join(folder, name, STATE_FILE)) ? [Number(match[1])] : []
  })
  return steps.sort((a, b) => a - b)
}

export const checkpointFolder = (folder: string, step: number): string => join(folder, `checkpoint-${step}`)

/** Writes checkpoint-{step} and removes older ones beyond `keep`. */
export async function saveCheckpoint(
  folder: string,
  state: TrainerState,
  {
    config,
    parameters,
    companions,
    optimizer,
    keep,
  }: {
    config: ModelConfig
    parameters: ReadonlyMap<string, Tensor>
    companions: string
    optimizer: AdamW
    keep: number
  },
): Promise<string> {
  const target = checkpointFolder(folder, state.step)
  if (!existsSync(target)) {
    await createFolder(target, async (staging) => {
      await saveModel(staging, { config, parameters, companions })
      await writeTensorFile(join(staging, OPTIMIZER_FILE), tensorEntries(optimizer.state()))
      await writeJson(join(staging, STATE_FILE), state)
    })
  }
  const steps = await checkpointSteps(folder)
  for (const step of steps.slice(0, Math.max(0, steps.length - 1 - keep))) {
    await rm(checkpointFolder(folder, step), { recursive: true, force: true })
  }
  return target
}

function mapAll(path: string): Map<string, Tensor> {
  const file = mapFile(path)
  return new Map([...readHeader(path).tensors].map(([name, t]) => [name, viewBytes(file, t.offset, t.dtype, t.shape)]))
}

/** Restores optimizer and state from a checkpoint folder; the weights are loaded as any model is. */
export function restoreCheckpoint(
  checkpoint: string,
  optimizer: AdamW,
  { fingerprint, model }: Pick<TrainerState, "fingerprint" | "model">,
): TrainerState {
  const state = readJsonObject(join(checkpoint, STATE_FILE)) as unknown as TrainerState
  if (state.model !== model) {
    throw new UserError(`this training was started from ${state.model}, not from ${model}`, {
      where: checkpoint,
      fix: "use another output folder for another model",
    })
  }
  if (state.fingerprint !== fingerprint) {
    throw new UserError("this training was started with other settings", {
      where: checkpoint,
      fix: "use the settings it was started with, or another output folder",
    })
  }
  noGrad(() => optimizer.restore(mapAll(join(checkpoint, OPTIMIZER_FILE))))
  return state
}

/** Whether a folder holds model weights. */
export function hasWeights(folder: string): boolean {
  try {
    return openTensors(folder).size > 0
  } catch {
    return false
  }
}
