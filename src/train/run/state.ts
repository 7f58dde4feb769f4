/** Checkpoints of a training: what is needed to go on bit-exactly, written so that a crash leaves the last one whole. */

import { existsSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { createFolder, explaining, removeFolder, writeJson } from "../../checkpoint/files.js"
import { readJsonObject } from "../../checkpoint/json.js"
import { type Damage, type FileDigest, findDamage, MANIFEST_FILE, writeManifest } from "../../checkpoint/manifest.js"
import { openTensors, readHeader, writeTensorFile } from "../../checkpoint/safetensors/safetensors.js"
import { messageOf, UserError } from "../../errors.js"
import { tensorEntries } from "../../models/save.js"
import { mapFile, noGrad, type Tensor, viewBytes } from "../../torch/index.js"
import type { AdamW } from "../optimizer.js"
import type { TrainingConfig } from "../recipe/config.js"
import { identitySchema, legacyFingerprint, type RunIdentity, requireSameRun } from "./identity.js"

const progressSchema = z.object({
  /** Optimizer steps done. */
  step: z.int().min(0),
  /** Training time so far. */
  seconds: z.number().min(0),
  /** Part of the training that is done; follows the clock under a time budget. */
  progress: z.number().min(0),
  /** Progress that the next step's batch is drawn by: batches are made one step ahead. */
  drawnAt: z.number().min(0),
})

/** Everything random is derived from (seed, step), so a step number is the whole state of data order, noise and augmentation. */
export type TrainerState = z.output<typeof progressSchema>

const savedSchema = progressSchema.extend({ identity: identitySchema })
/** Version 0.1 had a hash of the settings, and no manifest. */
const legacySchema = progressSchema.extend({ fingerprint: z.string(), model: z.string() })
const anySchema = z.union([savedSchema, legacySchema])

const STATE_FILE = "trainer_state.json"
const OPTIMIZER_FILE = "optimizer.safetensors"

export const checkpointFolder = (folder: string, step: number): string => join(folder, `checkpoint-${step}`)

/**
 * Step numbers of the checkpoints in a training's folder, ascending. A folder of such a name that holds neither a state
 * nor a manifest was never a checkpoint.
 */
export async function checkpointSteps(folder: string): Promise<number[]> {
  const names = existsSync(folder) ? await explaining(folder, () => readdir(folder)) : []
  const steps = names.flatMap((name) => {
    const match = /^checkpoint-(0|[1-9]\d{0,14})$/.exec(name)
    const holds = (file: string): boolean => existsSync(join(folder, name, file))
    return match && (holds(STATE_FILE) || holds(MANIFEST_FILE)) ? [Number(match[1])] : []
  })
  return steps.sort((a, b) => a - b)
}

/** A checkpoint that was read and found whole. */
export interface SavedCheckpoint {
  folder: string
  saved: z.output<typeof anySchema>
}

/**
 * The checkpoint that a training goes on from, every file of it compared with what was written.
 * @returns undefined when there is none
 * @throws UserError when the last one is damaged, naming the file and what to delete
 */
export async function lastCheckpoint(output: string): Promise<SavedCheckpoint | undefined> {
  let first: Damage | undefined
  const damaged: string[] = []
  for (const step of (await checkpointSteps(output)).reverse()) {
    const folder = checkpointFolder(output, step)
    const found = await readChecked(folder, step)
    if (!("what" in found)) {
      if (first) throw damagedCheckpoint(first, damaged, folder)
      return found
    }
    first ??= found
    damaged.push(folder)
  }
  if (first) throw damagedCheckpoint(first, damaged)
  return undefined
}

function damagedCheckpoint({ file, what }: Damage, folders: readonly string[], before?: string): UserError {
  return new UserError(`the checkpoint is damaged: ${what}`, {
    where: file,
    fix: `restore it, or delete ${folders.join(" and ")}: the same command then ${before ? `goes on from ${before}` : "starts from the beginning"}`,
  })
}

async function readChecked(folder: string, step: number): Promise<SavedCheckpoint | Damage> {
  const file = join(folder, STATE_FILE)
  const hasManifest = existsSync(join(folder, MANIFEST_FILE))
  const damage = hasManifest ? await findDamage(folder) : undefined
  if (damage) return damage
  try {
    const parsed = anySchema.safeParse(readJsonObject(file))
    if (!parsed.success) return { file, what: `${problemOf(parsed.error)}, so it is no state of a training` }
    if (parsed.data.step !== step) return { file, what: `it says step ${parsed.data.step}, its folder step ${step}` }
    if (!hasManifest) {
      if ("identity" in parsed.data) return { file: join(folder, MANIFEST_FILE), what: "it is missing" }
      openTensors(folder)
      readHeader(join(folder, OPTIMIZER_FILE))
    }
    return { folder, saved: parsed.data }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { file: error.where ?? file, what: error.message }
  }
}

function problemOf(error: z.ZodError): string {
  // Of a union, the schema that fits best says most.
  const branches = error.issues.flatMap((issue) => (issue.code === "invalid_union" ? issue.errors : [[issue]]))
  const [best] = branches.sort((a, b) => a.length - b.length)
  const issue = best?.[0]
  return issue ? `${issue.path.join(".") || "its content"}: ${issue.message}` : "its content does not fit"
}

/** @throws UserError when the checkpoint belongs to another training */
export function requireSameTraining(
  { folder, saved }: SavedCheckpoint,
  identity: RunIdentity,
  config: TrainingConfig,
): void {
  if ("identity" in saved) {
    requireSameRun(saved.identity, identity, folder)
    return
  }
  if (saved.model !== config.model)
    throw new UserError(`this training was started from ${saved.model}, not from ${config.model}`, {
      where: folder,
      fix: "use another output folder for another model",
    })
  if (saved.fingerprint !== legacyFingerprint(config))
    throw new UserError(
      "this training was started with other settings, or its data lay elsewhere: an earlier version of the program wrote only a hash of them",
      { where: folder, fix: "use the settings and paths it was started with, or another output folder" },
    )
}

export interface CheckpointContent {
  identity: RunIdentity
  /** Writes the weights, and what belongs to them, into a folder. */
  save(folder: string): Promise<Map<string, FileDigest>>
  optimizer: AdamW
}

/**
 * Writes checkpoint-{step} and then removes older ones beyond `keep`. A folder of that name that is there already is no
 * whole checkpoint (or the training had gone on from it) and gives way.
 */
export async function saveCheckpoint(
  output: string,
  state: TrainerState,
  { identity, save, optimizer }: CheckpointContent,
  keep: number,
): Promise<string> {
  const target = checkpointFolder(output, state.step)
  await createFolder(
    target,
    async (staging) => {
      const written = await save(staging)
      const file = join(staging, OPTIMIZER_FILE)
      written.set(OPTIMIZER_FILE, await writeTensorFile(file, tensorEntries(optimizer.state())))
      await writeJson(join(staging, STATE_FILE), { ...state, identity })
      await writeManifest(staging, written)
    },
    { replace: true },
  )
  const steps = await checkpointSteps(output)
  for (const step of steps.slice(0, Math.max(0, steps.length - 1 - keep))) {
    const old = checkpointFolder(output, step)
    await explaining(old, () => removeFolder(old))
  }
  return target
}

function mapAll(path: string): Map<string, Tensor> {
  const file = mapFile(path)
  return new Map([...readHeader(path).tensors].map(([name, t]) => [name, viewBytes(file, t.offset, t.dtype, t.shape)]))
}

/** Restores the optimizer from a checkpoint folder; the weights are loaded as any model is. */
export function restoreOptimizer(checkpoint: string, optimizer: AdamW): void {
  const file = join(checkpoint, OPTIMIZER_FILE)
  try {
    noGrad(() => optimizer.restore(mapAll(file)))
  } catch (cause) {
    throw new UserError(`the optimizer's state does not fit the model: ${messageOf(cause)}`, {
      where: file,
      fix: `delete ${checkpoint}: the same command then goes on from the checkpoint before it, or from the beginning`,
      cause,
    })
  }
}
