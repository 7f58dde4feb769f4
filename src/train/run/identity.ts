/** What makes a training the same training: its settings and the content of what it reads, never where that lies. */

import { createHash } from "node:crypto"
import { closeSync } from "node:fs"
import { basename } from "node:path"
import { z } from "zod"
import { explaining } from "../../checkpoint/files.js"
import { digestFile } from "../../checkpoint/manifest.js"
import { openDataFile } from "../../data/json-array.js"
import { UserError } from "../../errors.js"
import { tokenizerHash, weightsHash } from "../../models/content-hash.js"
import { sectionKey } from "../../paradigms/paradigm.js"
import { chosenParadigm, type TrainingConfig, trainingSchema } from "../recipe/config.js"
import type { StartingModel } from "./start.js"

const settingsSchema = z.record(z.string(), z.unknown())

export const identitySchema = z.object({
  /** Every setting by its key in the recipe, such as "train.learning_rate". */
  settings: settingsSchema,
  model: z.object({ name: z.string(), weights: z.string().nullable(), tokenizer: z.string() }),
  data: z.object({ file: z.string(), bytes: z.int(), sha256: z.string() }),
})

/** The names in it are for people; what is compared are settings and content. */
export type RunIdentity = z.output<typeof identitySchema>

/** The length of a training and its bookkeeping may change between sessions. */
function fixedSettings(config: TrainingConfig): object {
  const { paradigm, vision, loss, lora, data, train } = config
  const { file, image_root, feature_cache, ...reading } = data
  // The other paradigms' sections have no effect.
  const section = { [sectionKey(paradigm)]: chosenParadigm(config).section }
  // Where the tower lies is no part of it: its weights are.
  const seeing = vision && { ...vision, tower: undefined }
  // A value that is given has to mean something to the model; the default is the same where it means something.
  const { image_aspect = "pad" } = reading
  const looking = { ...reading, image_aspect }
  return { paradigm, vision: seeing, loss, lora, ...section, data: looking, train: fixedTraining(train) }
}

function fixedTraining(train: TrainingConfig["train"]): object {
  const { max_minutes, max_steps, epochs, log_every, save_every, keep, ...fixed } = train
  return fixed
}

function flat(value: object, prefix = ""): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]) =>
      entry === undefined
        ? []
        : typeof entry === "object" && entry !== null && !Array.isArray(entry)
          ? Object.entries(flat(entry, `${prefix}${key}.`))
          : [[`${prefix}${key}`, entry]],
    ),
  )
}

/** @param start the model that the training starts from */
export async function identityOf(
  config: TrainingConfig,
  { name, weights }: Pick<StartingModel, "name" | "weights">,
): Promise<RunIdentity> {
  return {
    settings: flat(fixedSettings(config)),
    model: { name, weights: weightsHash(weights), tokenizer: tokenizerHash(weights) },
    data: { file: basename(config.data.file), ...(await dataDigest(config.data.file)) },
  }
}

async function dataDigest(file: string): Promise<{ bytes: number; sha256: string }> {
  closeSync(openDataFile(file))
  return explaining(file, () => digestFile(file))
}

/**
 * @param checkpoint where `saved` was found, for the error
 * @throws UserError naming every setting that differs, with both values, or the data or model that is another
 */
export function requireSameRun(saved: RunIdentity, now: RunIdentity, checkpoint: string): void {
  const settings = settingDifferences(saved.settings, now.settings)
  if (settings.length > 0)
    throw new UserError(`this training was started with other settings: ${settings.join("; ")}`, {
      where: checkpoint,
      fix: "use the settings it was started with, or another output folder",
    })
  if (saved.data.sha256 !== now.data.sha256) {
    const count = ({ file, bytes }: RunIdentity["data"]): string => `${file}, ${bytes} bytes`
    const what = `this training was started with other data: data.file had other content (${count(saved.data)}) than now (${count(now.data)})`
    throw new UserError(what, {
      where: checkpoint,
      fix: "use the data file it was started with, or another output folder",
    })
  }
  const { weights, tokenizer, name } = saved.model
  const differs = [
    weights !== null && now.model.weights !== null && weights !== now.model.weights && "weights",
    tokenizer !== now.model.tokenizer && "tokenizer, chat template or image settings",
  ].filter((part) => part !== false)
  if (differs.length > 0)
    throw new UserError(
      `this training was started from another model: the ${differs.join(" and ")} of ${now.model.name} differ from those it was started from (${name})`,
      { where: checkpoint, fix: "use the model it was started from, or another output folder" },
    )
}

/** Settings that a newer version of the program knows were at their defaults before. */
function settingDifferences(saved: Record<string, unknown>, now: Record<string, unknown>): string[] {
  const defaults = flat(fixedSettings(trainingSchema().parse({ model: "-", output: "-", data: { file: "-" } })))
  const shown = (value: unknown): string => {
    const text = value === undefined ? "not set" : JSON.stringify(value)
    return text.length <= 80 ? text : `${text.slice(0, 80)}…`
  }
  return [...new Set([...Object.keys(saved), ...Object.keys(now)])].flatMap((key) => {
    const [before, after] = [saved[key] ?? defaults[key], now[key] ?? defaults[key]]
    return JSON.stringify(before) === JSON.stringify(after)
      ? []
      : [`${key} was ${shown(before)} and is ${shown(after)}`]
  })
}

/** The keys of `data` that version 0.1 knew. */
const LEGACY_DATA = [
  "file",
  "image_root",
  "max_length",
  "image_aspect",
  "min_pixels",
  "max_pixels",
  "sampler",
  "mixture",
  "augment",
]

/** The keys of `block_diffusion` that it did not know. */
function legacySection({ anneal, context, ...known }: TrainingConfig["block_diffusion"]): object {
  return known
}

/** How checkpoints of version 0.1 recorded the settings: a hash, with the paths in it. */
export function legacyFingerprint({ paradigm, block_diffusion, data, train }: TrainingConfig): string {
  const entries: Record<string, unknown> = { ...data, image_aspect: data.image_aspect ?? "pad" }
  const known = Object.fromEntries(LEGACY_DATA.map((key) => [key, entries[key]]))
  return createHash("sha256")
    .update(
      JSON.stringify({
        paradigm,
        block_diffusion: legacySection(block_diffusion),
        data: known,
        fixed: fixedTraining(train),
      }),
    )
    .digest("hex")
    .slice(0, 16)
}
