/** A model folder of any known layout, or a GGUF file → a model. Weights stay in the mapped files and in their stored type where possible. */

import { isAdapter } from "../checkpoint/adapter-files.js"
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
import { Adapter, type AdapterValues, storedValues } from "./adapters/adapter.js"
import type { AdapterPlan } from "./adapters/adapter-plan.js"
import { localBase } from "./adapters/base-model.js"
import { readAdapted } from "./adapters/read-adapter.js"
import { type Checkpoint, readCheckpoint } from "./checkpoint.js"
import { meanRow } from "./grown-views.js"
import { MappedFiles } from "./mapped-files.js"
import { buildModel, type Model } from "./registry.js"

export interface LoadOptions {
  /** What to compute in. "auto": bfloat16 where the device is fast at it, else float32. */
  dtype?: DType | "auto"
  device?: Device | "auto"
  /** Parameters of the compute type, in memory of their own, with gradients: all, or those of these names. Of an adapter, what it learned. */
  trainable?: boolean | ((name: string) => boolean)
  /** Tokens to make room for: embedding and head get more rows where they have fewer, each the mean of those there are. */
  vocabSize?: number
  /** Of an adapter: folder or GGUF file of the model that it was trained on. @default what its adapter_config.json names, where that is a folder */
  base?: string
  /** What is to be learned beside the weights, which then stay as they are. */
  adapter?: NewAdapter
}

/** A choice of layers, and where the first values come from. */
export interface NewAdapter {
  plan: AdapterPlan
  values: AdapterValues
}

export interface LoadedModel {
  model: Model
  /** Of an adapter: the weights of its base, and the configuration of both together. */
  checkpoint: Checkpoint
  /** What is learned beside the weights. */
  adapter?: Adapter
  dtype: DType
  device: Device
}

/**
 * Loads a model, or an adapter with the model that it belongs to. Quantised weights of a GGUF file become numbers of the type that is computed in.
 * @throws UserError when the folder is not a complete checkpoint of a known model, or an adapter is for another one
 */
export function loadModel(folder: string, options: LoadOptions = {}): LoadedModel {
  const { dtype } = computeOn(options)
  const dequantised = dtype === "bfloat16" ? dtype : "float32"
  if (!isAdapter(folder)) return loadCheckpoint(readCheckpoint(folder, dequantised), options)
  const { checkpoint, plan, tensors } = readAdapted(folder, options.base ?? localBase(folder), dequantised)
  return loadCheckpoint(checkpoint, { ...options, adapter: { plan, values: storedValues(tensors) } })
}

/** Loads the weights of a checkpoint, wherever they are. */
export function loadCheckpoint(
  checkpoint: Checkpoint,
  { trainable = false, vocabSize = 0, adapter: added, ...options }: LoadOptions = {},
): LoadedModel {
  const { dtype: compute, device } = computeOn(options)
  const learned = new Set(added?.plan.saved)
  const isLearned = (name: string): boolean =>
    typeof trainable === "function" ? trainable(name) : trainable && (!added || learned.has(name))
  const mapped = new MappedFiles()
  const weights = new Map<string, Tensor>()
  const rows = Math.max(vocabSize, checkpoint.config.text.vocabSize)
  for (const [name, view] of checkpoint.tensors) {
    const found = mapped.tensor(view)
    const missing = name === EMBEDDING || name === HEAD ? rows - found.shape[0] : 0
    const stored = missing > 0 ? cat([found, ...Array(missing).fill(meanRow(found))]) : found
    weights.set(name, isLearned(name) ? parameter(stored, compute, device) : frozen(stored, compute, device))
  }
  const config = rows > checkpoint.config.text.vocabSize ? withVocabulary(checkpoint.config, rows) : checkpoint.config
  const adapter =
    added &&
    new Adapter(added.plan, weights, added.values, {
      // As exact as what is learned in steps far smaller than it must be; in bfloat16 it would stand still.
      dtype: compute === "float64" ? compute : "float32",
      device,
      trainable: trainable !== false,
    })
  const model = buildModel(config, weights, compute, adapter)
  return { model, checkpoint, ...(adapter && { adapter }), dtype: compute, device }
}

/**
 * The type and the device that are meant.
 * @throws UserError for those that there are not
 */
export function computeOn({ dtype = "auto", device: wanted = "auto" }: LoadOptions): { dtype: DType; device: Device } {
  const device = chooseDevice(wanted)
  if (dtype !== "auto" && !isFloat(dtype))
    throw new UserError(`${shown(dtype)} is no type to compute in`, { fix: "use auto, float32, bfloat16 or float16" })
  return { dtype: dtype === "auto" ? chooseComputeType({ device }).dtype : dtype, device }
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
