/** Conversion of a model folder to another layout, weights only, streamed: the first step of translating a model. */
import path from "node:path"
import { isAdapter } from "../checkpoint/adapter-files.js"
import { copyFiles, filesBesideWeights } from "../checkpoint/auxiliary-files.js"
import { type ElementType, isFloatType, toFloat32 } from "../checkpoint/element-types.js"
import { createFolder, requireFreeSpace, writeJson } from "../checkpoint/files.js"
import type { Json } from "../checkpoint/json.js"
import { type TensorEntry, writeTensorFile } from "../checkpoint/safetensors/safetensors.js"
import { bytesOf } from "../checkpoint/safetensors/safetensors-header.js"
import { INDEX_FILE } from "../checkpoint/safetensors/safetensors-index.js"
import { storedEntries } from "../checkpoint/stored-entries.js"
import { readView, type TensorView } from "../checkpoint/tensor-view.js"
import { writeAuxiliaryFiles } from "../checkpoint/write-auxiliary-files.js"
import { UserError } from "../errors.js"
import type { PixelLimits } from "../models/architecture.js"
import { type Checkpoint, type DequantisedType, readCheckpoint } from "../models/checkpoint.js"
import { PARTS_FILE } from "../models/compose/parts.js"
import { grownViews } from "../models/grown-views.js"
import { architectureOf } from "../models/registry.js"
import { writeModel } from "../models/save.js"
import { requireConfigTokens } from "../models/token-ids.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { hasTokenizer } from "../text/tokenizer/tokenizer-file.js"
import { DEFAULT_PARADIGM, paradigmNamed } from "./registry.js"
import { asParadigm, withMask } from "./translate.js"

export interface PlannedTensor {
  /** Stored name. */
  name: string
  dtype: ElementType
  shape: number[]
  data: () => Iterable<Uint8Array>
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
  /** What it is converted to, in the released layout; one that masks needs a mask token. @default "block-diffusion" */
  paradigm?: string
  /**
   * What config.json is to record of it, in the words of its section of a recipe.
   * @default what the model records already where it is of this paradigm, else the paradigm's defaults
   */
  record?: Json
  /** What quantised weights of a GGUF file are written as. @default "float32": exactly what they say */
  dequantised?: DequantisedType
  image?: PixelLimits
  maxShardBytes?: number
  onProgress?: (writtenBytes: number, totalBytes: number) => void
}

/**
 * What the authors' converter writes for a source folder: three float32 files without metadata,
 * vision_config.json, config.json, and copies of everything that is not weights.
 */
export function planConversion(sourceFolder: string): ConversionPlan {
  const source = readSource(sourceFolder)
  const target = architectureOf(source.config).converted?.(source.config)
  if (!target)
    throw new UserError("there is no converted layout for models of this family", {
      where: sourceFolder,
      fix: "leave --layout out: the authors convert Qwen2.5-VL models only",
    })
  const entries = grownViews(source.tensors, source.config.text.vocabSize).map(([name, view]): TensorEntry => {
    return { name, dtype: "float32", shape: [...view.shape], data: () => widened(view, sourceFolder) }
  })
  const files = new Map<string, PlannedTensor[]>()
  for (const { file, ...entry } of storedEntries(target.layout, entries))
    files.set(file!, [...(files.get(file!) ?? []), entry as PlannedTensor])
  const weightFiles = [...files].map(([file, tensors]) => ({ file, tensors }))
  return {
    source,
    weightFiles,
    jsonFiles: target.jsonFiles,
    copiedFiles: filesBesideWeights(sourceFolder, NOT_COPIED),
    weightBytes: weightFiles.flatMap(({ tensors }) => tensors).reduce((sum, tensor) => sum + bytesOf(tensor), 0),
  }
}

/**
 * Converts a checkpoint of any layout to one of another paradigm: a Qwen2.5-VL one into a DiffusionVL one. The output folder appears whole at
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
      await writeTensorFile(path.join(staging, file), tensors, { metadata: null, onProgress })
      finished += tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0)
    }
    await copyFiles(plan.source.folder, staging, plan.copiedFiles)
    for (const { file, value } of plan.jsonFiles) await writeJson(path.join(staging, file), value)
  })
}

async function writeReleased(sourceFolder: string, out: string, options: ConvertOptions): Promise<void> {
  const paradigm = paradigmNamed(options.paradigm ?? DEFAULT_PARADIGM)
  const source = readSource(sourceFolder, { masks: paradigm.masks, dequantised: options.dequantised })
  const { config } = source
  // It may say that the weights do not know their mask yet; the form that is written says nothing of the kind.
  const { enabled: _, ...known } = config.paradigm.options
  const recorded = {
    ...paradigm.record(),
    ...(config.paradigm.name === paradigm.name && known),
    ...options.record,
  }
  const target = asParadigm(config, paradigm, { recorded, image: options.image })
  const entries = grownViews(source.tensors, source.config.text.vocabSize).map(([name, view]): TensorEntry => {
    return { name, dtype: view.dtype, shape: view.shape, data: () => readView(view) }
  })
  await requireFreeSpace(
    out,
    entries.reduce((sum, entry) => sum + bytesOf(entry), 0),
  )
  await createFolder(out, async (staging) => {
    await writeModel(staging, target, entries, { maxShardBytes: options.maxShardBytes, onProgress: options.onProgress })
    await writeAuxiliaryFiles(sourceFolder, staging, (folder) => filesBesideWeights(folder, NOT_COPIED))
  })
}

/** The checkpoint, its mask chosen beside the tokenizer that goes along where one is needed. */
function readSource(
  folder: string,
  { masks = true, dequantised }: { masks?: boolean; dequantised?: DequantisedType } = {},
): Checkpoint {
  if (isAdapter(folder))
    throw new UserError("it is an adapter, which is no whole model", {
      where: folder,
      fix: "merge it with its base (--merge), then convert the result",
    })
  const source = readCheckpoint(folder, dequantised)
  if (!hasTokenizer(folder)) return source
  const tokenizer = Tokenizer.load(folder)
  requireConfigTokens(source.config, tokenizer, folder)
  if (!masks) return source
  return { ...source, config: withMask(source.config, (id) => tokenizer.token(id), folder, true) }
}

function* widened(from: TensorView, folder: string): Generator<Uint8Array> {
  if (!isFloatType(from.dtype) || from.dtype === "float64")
    throw new UserError(`${from.dtype} weights cannot be converted to float32`, { where: folder })
  for (const piece of readView(from)) yield new Uint8Array(toFloat32(piece, from.dtype).buffer)
}

/** Written anew, or of no use beside other weights. */
const NOT_COPIED = ["config.json", "vision_config.json", INDEX_FILE, PARTS_FILE]
