/** A model folder of any known layout as canonical tensor locations and a normalised configuration; strict. Loads no weights. */
import fs from "node:fs"
import path from "node:path"
import { UserError } from "../errors.js"
import { label } from "../readable.js"
import type { ModelConfig } from "./config.js"
import { isFloatType } from "./element-types.js"
import { expectedTensors, VISION_PREFIX } from "./expected-tensors.js"
import { converted, PROJECTOR_FILE, VISION_FILE } from "./layouts/converted.js"
import type { Layout, LayoutName } from "./layouts/layout.js"
import { qwen2_5_vl } from "./layouts/qwen2_5_vl.js"
import { released } from "./layouts/released.js"
import { readConfig } from "./read-config.js"
import { openTensors, readHeader, readPieces, type TensorLocation } from "./safetensors.js"

export const LAYOUTS: Record<LayoutName, Layout> = { qwen2_5_vl, converted, released }

export interface Checkpoint {
  folder: string
  config: ModelConfig
  layout: LayoutName
  /** Canonical name -> where its bytes are. Exactly the names and shapes of `expectedTensors(config)`. */
  tensors: Map<string, TensorLocation>
  /** Weight files in use, base names. */
  weightFiles: string[]
  /** Weight files that lie in the folder and are deliberately not read. */
  ignoredFiles: string[]
}

/**
 * Reads the configuration and the tensor locations of a model folder.
 *
 * Trained checkpoints carry the vision weights in their shards. A `vision_tower.safetensors` beside them is a leftover
 * of the conversion, older than the training, and is ignored.
 *
 * @throws UserError naming missing, unexpected or mis-shaped tensors; nothing is filled in at random.
 */
export function readCheckpoint(folder: string): Checkpoint {
  const config = readConfig(folder)
  const main = openTensors(folder)
  const stored: [string, TensorLocation][] = [...main]
  const beside = [VISION_FILE, PROJECTOR_FILE].filter((file) => fs.existsSync(path.join(folder, file)))
  let ignoredFiles: string[] = []
  let layout: Layout = qwen2_5_vl
  if (config.modelType === "diffusionvl_qwenvl") {
    const holdsVision = [...main.keys()].some((name) => name.startsWith(VISION_PREFIX))
    layout = holdsVision ? released : converted
    if (holdsVision) ignoredFiles = beside
    else stored.push(...openBeside(folder, beside))
  }

  const tensors = new Map<string, TensorLocation>()
  const unexpected: string[] = []
  for (const [name, location] of stored) {
    const canonical = layout.toCanonical(name, path.basename(location.file))
    if (canonical === undefined) unexpected.push(name)
    else if (tensors.has(canonical))
      throw new UserError(`two tensors are both ${canonical}, one of them ${label(name)}`, { where: folder })
    else tensors.set(canonical, location)
  }
  if (config.text.tie) dropRedundantHead(tensors, folder)
  const expected = expectedTensors(config)
  requireExactly(expected, tensors, unexpected, folder)
  const weightFiles = [...new Set([...tensors.values()].map((location) => path.basename(location.file)))].sort()
  // One order whatever the layout: sums over all weights, such as the gradient norm, are then the same bits.
  const ordered = new Map([...expected.keys()].map((name) => [name, tensors.get(name)!]))
  return { folder, config, layout: layout.name, tensors: ordered, weightFiles, ignoredFiles }
}

/** The two files that hold the vision part of a converted checkpoint. */
function openBeside(folder: string, present: string[]): [string, TensorLocation][] {
  const absent = [VISION_FILE, PROJECTOR_FILE].filter((file) => !present.includes(file))
  if (absent.length > 0)
    throw new UserError(`the vision weights are missing: ${absent.join(" and ")}`, {
      where: folder,
      fix: "A converted checkpoint has these files beside model.safetensors. Convert the source model again.",
    })
  return present.flatMap((file) => [...readHeader(path.join(folder, file)).tensors])
}

/** Some tools store the head of a tied model a second time. Equal bytes do no harm; others would be silently lost. */
function dropRedundantHead(tensors: Map<string, TensorLocation>, folder: string): void {
  const head = tensors.get("lm_head.weight")
  const embedding = tensors.get("model.embed_tokens.weight")
  if (!head || !embedding) return
  if (!sameBytes(head, embedding))
    throw new UserError("lm_head.weight differs from the embedding although the config ties them", {
      where: folder,
      fix: 'Set "tie_word_embeddings" to false in config.json if the head was trained on its own.',
    })
  tensors.delete("lm_head.weight")
}

function sameBytes(a: TensorLocation, b: TensorLocation): boolean {
  if (a.dtype !== b.dtype || a.bytes !== b.bytes) return false
  const pieces = readPieces(b)
  for (const piece of readPieces(a)) if (Buffer.compare(piece, pieces.next().value as Uint8Array) !== 0) return false
  return true
}

function requireExactly(
  expected: Map<string, number[]>,
  tensors: Map<string, TensorLocation>,
  foreign: string[],
  folder: string,
): void {
  const missing = [...expected.keys()].filter((name) => !tensors.has(name))
  const unexpected = [...foreign, ...[...tensors.keys()].filter((name) => !expected.has(name))].map(label)
  const unfit: string[] = []
  for (const [name, shape] of expected) {
    const found = tensors.get(name)
    if (!found) continue
    if (found.shape.join() !== shape.join())
      unfit.push(`${name} is [${found.shape.join(", ")}], not [${shape.join(", ")}]`)
    else if (!isFloatType(found.dtype)) unfit.push(`${name} is ${found.dtype}, not a float type`)
  }
  const problems = [
    missing.length > 0 && `${count(missing)} missing: ${list(missing)}`,
    unexpected.length > 0 && `${count(unexpected)} unexpected: ${list(unexpected)}`,
    unfit.length > 0 && `${count(unfit)} of the wrong kind: ${list(unfit)}`,
  ].filter((problem) => problem !== false)
  if (problems.length > 0)
    throw new UserError(`weights and config.json do not fit: ${problems.join("; ")}`, {
      where: folder,
      fix: "Check that config.json and the weight files come from the same model.",
    })
}

function count(names: string[]): string {
  return names.length === 1 ? "1 tensor" : `${names.length} tensors`
}

function list(sentences: string[]): string {
  const names = sentences.slice(0, 5)
  return names.length === sentences.length ? names.join(", ") : `${names.join(", ")} and ${sentences.length - 5} more`
}
