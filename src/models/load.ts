/** A model folder of any known layout, or a GGUF file → a model. Weights stay in the mapped files and in their stored type where possible. */

import { EMBEDDING, HEAD } from "../checkpoint/checkpoint.js"
import { withVocabulary } from "../checkpoint/config.js"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import {
  BYTES,
  cat,
  chooseComputeType,
  chooseDevice,
  type Device,
  type DType,
  isFloat,
  type Tensor,
} from "../torch/index.js"
import { type Checkpoint, readCheckpoint } from "./checkpoint.js"
import { MappedFiles } from "./mapped-files.js"
import { buildModel, type Model } from "./registry.js"

export interface LoadOptions {
  /** What to compute in. "auto": bfloat16 where the device is fast at it, else float32. */
  dtype?: DType | "auto"
  device?: Device | "auto"
  /** Parameters of the compute type, in memory of their own, with gradients. */
  trainable?: boolean
  /** Tokens to make room for: embedding and head get more rows where they have fewer, each the mean of those there are. */
  vocabSize?: number
}

export interface LoadedModel {
  model: Model
  checkpoint: Checkpoint
  dtype: DType
  device: Device
}

/**
 * Loads a model. Quantised weights of a GGUF file become numbers of the type that is computed in.
 * @throws UserError when the folder is not a complete checkpoint of a known model
 */
export function loadModel(folder: string, options: LoadOptions = {}): LoadedModel {
  const { dtype } = computeOn(options)
  return loadCheckpoint(readCheckpoint(folder, dtype === "bfloat16" ? dtype : "float32"), options)
}

/** Loads the weights of a checkpoint, wherever they are. */
export function loadCheckpoint(
  checkpoint: Checkpoint,
  { trainable = false, vocabSize = 0, ...options }: LoadOptions = {},
): LoadedModel {
  const { dtype: compute, device: place } = computeOn(options)
  const mapped = new MappedFiles()
  const weights = new Map<string, Tensor>()
  const missing = Math.max(0, vocabSize - checkpoint.config.text.vocabSize)
  for (const [name, view] of checkpoint.tensors) {
    const found = mapped.tensor(view)
    const stored = missing > 0 && (name === EMBEDDING || name === HEAD) ? withMeanRows(found, missing) : found
    weights.set(name, trainable ? parameter(stored, compute, place) : frozen(stored, compute, place))
  }
  const config = missing > 0 ? withVocabulary(checkpoint.config, vocabSize) : checkpoint.config
  return { model: buildModel(config, weights, compute), checkpoint, dtype: compute, device: place }
}

function computeOn({ dtype = "auto", device = "auto" }: LoadOptions): { dtype: DType; device: Device } {
  const place = chooseDevice(device)
  if (dtype !== "auto" && !isFloat(dtype))
    throw new UserError(`${shown(dtype)} is no type to compute in`, { fix: "use auto, float32, bfloat16 or float16" })
  return { dtype: dtype === "auto" ? chooseComputeType({ device: place }).dtype : dtype, device: place }
}

/** New tokens begin as the mean of the others, as is usual: they are then neither likely nor far from what layers know. */
function withMeanRows(matrix: Tensor, rows: number): Tensor {
  const mean = matrix.to("float32").mean([0], true).to(matrix.dtype)
  return cat([matrix, ...Array.from({ length: rows }, () => mean)])
}

function parameter(stored: Tensor, dtype: DType, device: Device): Tensor {
  const converted = stored.to({ device, dtype })
  return (converted === stored ? stored.clone() : converted).requiresGrad_()
}

/** On the CPU half-precision matrices stay as they are stored: products convert them. Vectors meet every operator as they are. */
function frozen(stored: Tensor, dtype: DType, device: Device): Tensor {
  const keep = stored.rank > 1 && BYTES[stored.dtype] < BYTES[dtype] && device === "cpu"
  return stored.to({ device, dtype: keep ? stored.dtype : dtype })
}
