/** What makes a training the same training: its settings and the content of what it reads, never where that lies. */

import { createHash } from "node:crypto"
import { closeSync, existsSync, openSync, readSync } from "node:fs"
import { basename, join } from "node:path"
import { z } from "zod"
import { explaining } from "../../checkpoint/files.js"
import { ggufFile } from "../../checkpoint/gguf/find.js"
import { openGgufModel } from "../../checkpoint/gguf/model.js"
import { readTextFile } from "../../checkpoint/json.js"
import { digestFile } from "../../checkpoint/manifest.js"
import { readHeader } from "../../checkpoint/safetensors/safetensors.js"
import { locationsOf, type TensorView } from "../../checkpoint/tensor-view.js"
import { openWeights } from "../../checkpoint/weight-files.js"
import { openDataFile } from "../../data/json-array.js"
import { UserError } from "../../errors.js"
import type { ComposedModel } from "../../models/compose/compose.js"
import { CONNECTOR_FILE, isOfConnector, isParts, placeOf, readPartsRecord } from "../../models/compose/parts.js"
import { readConfig } from "../../models/read-config.js"
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

const SAMPLE_BYTES = 4096

/**
 * A hash over names, shapes and both ends and the middle of every tensor: training a model changes all of its tensors
 * nearly everywhere, and gigabytes need not be read. Null where there are no weights (any more).
 */
export function weightsHash(source: string | ComposedModel): string | null {
  let tensors: [name: string, stored: StoredTensor][]
  try {
    tensors = storedTensors(source)
  } catch {
    return null
  }
  const hash = createHash("sha256")
  const files = new Map<string, number>()
  try {
    for (const [name, { file, offset, bytes, type, shape }] of tensors.sort(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(JSON.stringify([name, type, shape]))
      if (!files.has(file)) files.set(file, openSync(file, "r"))
      const piece = Buffer.alloc(Math.min(SAMPLE_BYTES, bytes))
      for (const start of new Set([0, (bytes - piece.length) >> 1, bytes - piece.length])) {
        readSync(files.get(file)!, piece, 0, piece.length, offset + start)
        hash.update(piece)
      }
    }
  } finally {
    for (const descriptor of files.values()) closeSync(descriptor)
  }
  return hash.digest("hex")
}

interface StoredTensor {
  file: string
  offset: number
  bytes: number
  type: string
  shape: readonly number[]
}

function storedTensors(source: string | ComposedModel): [string, StoredTensor][] {
  if (typeof source !== "string") {
    const connector = [...source.checkpoint.tensors].filter(([name]) => isOfConnector(name))
    return [...ofParts(source.record), ...placesOf(connector)]
  }
  if (isParts(source)) {
    const { language, tower } = readPartsRecord(source)
    const connector = readHeader(join(source, CONNECTOR_FILE)).tensors
    const found = {
      language: placeOf(language, "language model", source),
      tower: placeOf(tower, "vision tower", source),
    }
    return [
      ...ofParts({ language: { folder: found.language }, tower: { folder: found.tower } }),
      ...placesOf(connector),
    ]
  }
  const gguf = ggufFile(source)
  if (gguf !== undefined) return [...openGgufModel(gguf).weights].map(([name, { tensor }]) => [name, tensor])
  return placesOf(openWeights(source))
}

/** The parts' own files, which may be quantised. */
const ofParts = (parts: Record<"language" | "tower", { folder: string }>): [string, StoredTensor][] =>
  (["language", "tower"] as const).flatMap((part) =>
    storedTensors(parts[part].folder).map(([name, stored]): [string, StoredTensor] => [`${part} ${name}`, stored]),
  )

/** Weights that are made anew have no place: the recipe says what becomes of them. */
const placesOf = (tensors: Iterable<[string, TensorView]>): [string, StoredTensor][] =>
  [...tensors].flatMap(([name, view]) =>
    locationsOf(view).map((stored, i): [string, StoredTensor] => [
      i === 0 ? name : `${name}#${i}`,
      { ...stored, type: stored.dtype },
    ]),
  )

/** These decide what a record is to the model, and are read from the starting model in every session. */
const READING_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "vocab.json",
  "merges.txt",
  "added_tokens.json",
  "special_tokens_map.json",
  "preprocessor_config.json",
  "processor_config.json",
]

/** And these where the conversations of the model are written as its own template says. */
const TEMPLATE_FILES = ["chat_template.jinja", "chat_template.json"]

/** SHA-256 (hex) of all files that decide which tokens a text becomes. */
export function tokenizerHash(folder: string | ComposedModel): string {
  const hash = createHash("sha256")
  if (typeof folder !== "string") return hash.update(JSON.stringify([...folder.files])).digest("hex")
  const gguf = ggufFile(folder)
  if (gguf !== undefined) return hash.update(JSON.stringify(openGgufModel(gguf).tokenizer())).digest("hex")
  const usesTemplate = existsSync(join(folder, "config.json")) && readConfig(folder).chat === "template"
  for (const name of [...READING_FILES, ...(usesTemplate ? TEMPLATE_FILES : [])]) {
    const file = join(folder, name)
    if (existsSync(file)) hash.update(`${name}\0`).update(readTextFile(file)).update("\0")
  }
  return hash.digest("hex")
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
