/** Conversion of a model folder to another layout, weights only, streamed: the first step of translating a model. */
import { existsSync } from "node:fs"
import path from "node:path"
import { UserError } from "../errors.js"
import { Tokenizer } from "../text/tokenizer.js"
import { copyFiles, filesBesideWeights } from "./auxiliary-files.js"
import { type Checkpoint, LAYOUTS, readCheckpoint } from "./checkpoint.js"
import { asDiffusion, type BlockDiffusionConfig, type ModelConfig } from "./config.js"
import { type ElementType, isFloatType, toFloat32 } from "./element-types.js"
import { expectedTensors } from "./expected-tensors.js"
import { createFolder, requireFreeSpace, writeJson } from "./files.js"
import { withMaskToken } from "./mask-token.js"
import { readPieces, type TensorEntry, type TensorLocation, writeTensorFile } from "./safetensors.js"
import { bytesOf } from "./safetensors-header.js"
import { INDEX_FILE } from "./safetensors-index.js"
import { requireConfigTokens } from "./token-ids.js"
import { toConvertedConfig, toVisionConfigFile } from "./write-config.js"
import { writeModel } from "./write-model.js"

export interface PlannedTensor {
  /** Stored name. */
  name: string
  dtype: ElementType
  shape: number[]
  from: TensorLocation
}

export interface ConversionPlan {
  source: Checkpoint
  weightFiles: { file: string; tensors: PlannedTensor[] }[]
  jsonFiles: { file: string; value: unknown }[]
  /** Base names of files that go along unchanged: tokenizer, preprocessor, templates, licence. */
  copiedFiles: string[]
  /** Bytes of all weights to be written. */
  weightBytes: number
}

export interface ConvertOptions {
  /** `released` (default) keeps the source's element type; `converted` is the authors' float32 training input. */
  layout?: "released" | "converted"
  /** Settings of the block-diffusion model, for the released layout. */
  blockDiffusion?: Partial<BlockDiffusionConfig>
  image?: ModelConfig["image"]
  maxShardBytes?: number
  onProgress?: (writtenBytes: number, totalBytes: number) => void
}

/**
 * What the authors' converter writes for a source folder: three float32 files without metadata,
 * vision_config.json, config.json, and copies of everything that is not weights.
 */
export function planConversion(sourceFolder: string): ConversionPlan {
  const source = readSource(sourceFolder)
  const files = new Map<string, PlannedTensor[]>()
  for (const [canonical, from] of source.tensors) {
    const { name, file } = LAYOUTS.converted.fromCanonical(canonical)
    const tensor = { name, dtype: "float32" as const, shape: from.shape, from }
    if (!files.has(file!)) files.set(file!, [])
    files.get(file!)!.push(tensor)
  }
  const weightFiles = [...files].map(([file, tensors]) => ({ file, tensors }))
  return {
    source,
    weightFiles,
    jsonFiles: [
      { file: "vision_config.json", value: toVisionConfigFile(source.config) },
      { file: "config.json", value: toConvertedConfig(source.config) },
    ],
    copiedFiles: filesBesideWeights(sourceFolder, NOT_COPIED),
    weightBytes: weightFiles.flatMap(({ tensors }) => tensors).reduce((sum, tensor) => sum + bytesOf(tensor), 0),
  }
}

/**
 * Converts a Qwen2.5-VL checkpoint (or any other layout) into a DiffusionVL one. The output folder appears whole at
 * the end or not at all. Memory stays flat: tensors are copied in pieces of a few megabytes.
 * @throws UserError when the source is not strict, the target is not empty, or the disk is too small.
 */
export async function convert(sourceFolder: string, out: string, options: ConvertOptions = {}): Promise<void> {
  if (options.layout === "converted") await writeConverted(planConversion(sourceFolder), out, options)
  else await writeReleased(sourceFolder, out, options)
}

async function writeConverted(plan: ConversionPlan, out: string, options: ConvertOptions): Promise<void> {
  await requireFreeSpace(out, plan.weightBytes)
  await createFolder(out, async (staging) => {
    let finished = 0
    for (const { file, tensors } of plan.weightFiles) {
      const onProgress = (written: number) => options.onProgress?.(finished + written, plan.weightBytes)
      const entries = tensors.map((tensor) => ({ ...tensor, data: () => widened(tensor.from) }))
      await writeTensorFile(path.join(staging, file), entries, { metadata: null, onProgress })
      finished += tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0)
    }
    await copyFiles(plan.source.folder, staging, plan.copiedFiles)
    for (const { file, value } of plan.jsonFiles) await writeJson(path.join(staging, file), value)
  })
}

async function writeReleased(sourceFolder: string, out: string, options: ConvertOptions): Promise<void> {
  const { config, tensors } = readSource(sourceFolder)
  const blockDiffusion = { enabled: true, ...options.blockDiffusion }
  const target = asDiffusion(config, { blockDiffusion, image: options.image })
  const entries = [...expectedTensors(config).keys()].map((name): TensorEntry => {
    const from = tensors.get(name)!
    return { name, dtype: from.dtype, shape: from.shape, data: () => readPieces(from) }
  })
  await requireFreeSpace(
    out,
    entries.reduce((sum, entry) => sum + bytesOf(entry), 0),
  )
  await createFolder(out, async (staging) => {
    await writeModel(staging, target, entries, { maxShardBytes: options.maxShardBytes, onProgress: options.onProgress })
    await copyFiles(sourceFolder, staging, filesBesideWeights(sourceFolder, NOT_COPIED))
  })
}

/** The checkpoint, its mask chosen beside the tokenizer that goes along. */
function readSource(folder: string): Checkpoint {
  const source = readCheckpoint(folder)
  if (!existsSync(path.join(folder, "tokenizer.json"))) return source
  const tokenizer = Tokenizer.load(folder)
  requireConfigTokens(source.config, tokenizer, folder)
  return { ...source, config: withMaskToken(source.config, (id) => tokenizer.token(id), folder) }
}

function* widened(from: TensorLocation): Generator<Uint8Array> {
  if (!isFloatType(from.dtype) || from.dtype === "float64")
    throw new UserError(`${from.dtype} weights cannot be converted to float32`, { where: from.file })
  for (const piece of readPieces(from)) yield new Uint8Array(toFloat32(piece, from.dtype).buffer)
}

/** Written anew, or of no use beside other weights. */
const NOT_COPIED = ["config.json", "vision_config.json", INDEX_FILE]
