/**
 * A model folder that holds the connector alone, and says which language model and tower it is between: what a training of
 * the connector leaves. It is read as any model is; the weights of the parts stay in their own files.
 */

import fs from "node:fs"
import path from "node:path"
import { z } from "zod"
import { differingWeight, fingerprintOf } from "../../checkpoint/base-fingerprint.js"
import type { ModelConfig } from "../../checkpoint/config.js"
import { writeJson } from "../../checkpoint/files.js"
import { ggufFile } from "../../checkpoint/gguf/find.js"
import { readJsonObject } from "../../checkpoint/json.js"
import type { FileDigest } from "../../checkpoint/manifest.js"
import { readHeader, type TensorEntry, writeTensorFile } from "../../checkpoint/safetensors/safetensors.js"
import { check } from "../../checkpoint/schema-check.js"
import type { TensorView } from "../../checkpoint/tensor-view.js"
import { writeAuxiliaryFiles } from "../../checkpoint/write-auxiliary-files.js"
import { UserError } from "../../errors.js"
import { localCopy } from "../../hub/local-copy.js"
import { label } from "../../readable.js"
import { grownViews } from "../grown-views.js"
import { architectureOf, expectedTensors } from "../registry.js"
import { readTower } from "../towers/folder.js"
import { VISION_WEIGHTS } from "../vision/vision-weights.js"

/** Names the parts. */
export const PARTS_FILE = "parts.json"
export const CONNECTOR_FILE = "connector.safetensors"

const partSchema = z.looseObject({
  name: z.string().min(1).max(4096),
  folder: z.string().min(1).max(4096),
  weights: z.string().optional(),
})
const schema = z.looseObject({ language: partSchema, tower: partSchema })

/** What is asked of a language model's checkpoint. */
interface LanguageWeights {
  tensors: ReadonlyMap<string, TensorView>
  weightFiles: readonly string[]
}

export interface PartName {
  /** As it was asked for: a folder, or an id of a hub. */
  name: string
  /** Where it lay. */
  folder: string
  /** A few of its weights. */
  weights?: string
}
export interface PartsRecord {
  language: PartName
  tower: PartName
}

/** Whether a folder holds a connector and names of parts, and no model of its own. */
export const isParts = (folder: string): boolean =>
  fs.existsSync(path.join(folder, PARTS_FILE)) && fs.existsSync(path.join(folder, CONNECTOR_FILE))

/** Whether a weight is one of the connector's, by its canonical name. */
export const isOfConnector = (name: string): boolean =>
  name.startsWith(`${VISION_WEIGHTS.connector}.`) || name === VISION_WEIGHTS.newline

/** @throws UserError for a file that is none */
export function readPartsRecord(folder: string): PartsRecord {
  const file = path.join(folder, PARTS_FILE)
  return check(schema, readJsonObject(file), "", file)
}

/** How a part is recorded: by its name, its place and a few of its weights. */
export function partRecord(name: string, folder: string, tensors: ReadonlyMap<string, TensorView>): PartName {
  const weights = Object.values(fingerprintOf(tensors))[0]
  return { name, folder: path.resolve(folder), ...(weights !== undefined && { weights }) }
}

/**
 * Writes config.json, the connector and the names of the parts. What else belongs to the model is copied from `filesFrom`.
 * @param entries the connector's weights, by canonical names
 */
export async function writeParts(
  folder: string,
  {
    config,
    entries,
    record,
    filesFrom,
  }: {
    config: ModelConfig
    entries: TensorEntry[]
    record: PartsRecord
    filesFrom?: string
  },
): Promise<Map<string, FileDigest>> {
  if (filesFrom) await writeAuxiliaryFiles(filesFrom, folder)
  const digest = await writeTensorFile(path.join(folder, CONNECTOR_FILE), entries)
  await writeJson(path.join(folder, PARTS_FILE), record)
  await writeJson(path.join(folder, "config.json"), architectureOf(config).write(config, "float32"))
  return new Map([[CONNECTOR_FILE, digest]])
}

/**
 * The weights of such a folder, each where it lies.
 * @param readLanguage what reads the language model's
 * @throws UserError when a part is no longer there or is another one, or the connector does not fit the configuration
 */
export function readParts(folder: string, config: ModelConfig, readLanguage: (folder: string) => LanguageWeights) {
  const record = readPartsRecord(folder)
  const base = placeOf(record.language, "language model", folder)
  if (isParts(base))
    throw new UserError(`${label(record.language.name)} is a connector with names of parts, no language model`, {
      where: path.join(folder, PARTS_FILE),
      fix: "name the language model itself",
    })
  const language = readLanguage(base)
  const tower = readTower(placeOf(record.tower, "vision tower", folder))
  requireSame(record.language, "language model", language.tensors, folder)
  requireSame(record.tower, "vision tower", tower.tensors, folder)
  const file = path.join(folder, CONNECTOR_FILE)
  const found = new Map<string, TensorView>([
    ...grownViews(language.tensors, config.text.vocabSize),
    ...[...tower.tensors].map(([name, view]): [string, TensorView] => [`${VISION_WEIGHTS.tower}.${name}`, view]),
    ...readHeader(file).tensors,
  ])
  const tensors = [...expectedTensors(config)].map(([name, shape]): [string, TensorView] => {
    const view = found.get(name)
    if (view?.shape.join() === shape.join()) return [name, view]
    const what = view ? `is [${view.shape.join(", ")}], not [${shape.join(", ")}]` : "is missing"
    throw new UserError(`connector, parts and config.json do not fit: ${name} ${what}`, {
      where: isOfConnector(name) ? file : folder,
      fix: "use the folder as it was written",
    })
  })
  return {
    folder,
    config,
    layout: "parts",
    tensors: new Map(tensors),
    weightFiles: [...language.weightFiles, CONNECTOR_FILE],
    ignoredFiles: [] as string[],
  }
}

/**
 * Where a part is now: where it lay, or by its name here or among what was downloaded from the hub.
 * @param parts the folder that names it
 * @throws UserError when it is no longer there
 */
export function placeOf({ name, folder }: PartName, what: string, parts: string): string {
  const places = [folder, path.resolve(parts, name), path.resolve(name)]
  const isThere = (place: string): boolean =>
    fs.existsSync(path.join(place, "config.json")) || ggufFile(place) !== undefined
  const found = places.find(isThere) ?? localCopy(name)
  if (found !== undefined) return found
  throw new UserError(`the ${what} that the connector belongs to, ${label(name)}, is no longer at ${label(folder)}`, {
    where: path.join(parts, PARTS_FILE),
    fix: 'put it back, or write where it is now under "folder"',
  })
}

function requireSame(
  { name, weights }: PartName,
  what: string,
  tensors: ReadonlyMap<string, TensorView>,
  parts: string,
): void {
  const differs = weights === undefined ? undefined : differingWeight({ base_weights: weights }, tensors)
  if (differs === undefined) return
  throw new UserError(`the connector was trained with another ${what}: ${differs} differs in ${label(name)}`, {
    where: path.join(parts, PARTS_FILE),
    fix: "use the one that it was trained with",
  })
}
