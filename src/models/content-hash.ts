/** What tells whether a model's files are still the same: hashes of its weights, and of what reads for it. */

import { createHash } from "node:crypto"
import { closeSync, existsSync, openSync, readSync } from "node:fs"
import { join } from "node:path"
import { ggufFile } from "../checkpoint/gguf/find.js"
import { openGgufModel } from "../checkpoint/gguf/model.js"
import { readTextFile } from "../checkpoint/json.js"
import { readHeader } from "../checkpoint/safetensors/safetensors.js"
import { locationsOf, type TensorView } from "../checkpoint/tensor-view.js"
import { openWeights } from "../checkpoint/weight-files.js"
import type { ComposedModel } from "./compose/compose.js"
import { CONNECTOR_FILE, isOfConnector, isParts, placeOf, readPartsRecord } from "./compose/parts.js"
import { readConfig } from "./read-config.js"

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
