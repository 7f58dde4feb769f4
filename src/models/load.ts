/** A model folder of any known layout → a model. Weights stay in the mapped files and in their stored type where possible. */

import { type Checkpoint, readCheckpoint } from "../checkpoint/checkpoint.js"
import type { TensorLocation } from "../checkpoint/safetensors.js"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import {
  BYTES,
  chooseComputeType,
  chooseDevice,
  type Device,
  type DType,
  isFloat,
  mapFile,
  type Tensor,
  viewBytes,
} from "../torch/index.js"
import { buildModel, type Model } from "./registry.js"

export interface LoadOptions {
  /** What to compute in. "auto": bfloat16 where the device is fast at it, else float32. */
  dtype?: DType | "auto"
  device?: Device | "auto"
  /** Parameters of the compute type, in memory of their own, with gradients. */
  trainable?: boolean
}

export interface LoadedModel {
  model: Model
  checkpoint: Checkpoint
  dtype: DType
  device: Device
}

/**
 * Loads a model.
 * @throws UserError when the folder is not a complete checkpoint of a known model
 */
export function loadModel(
  folder: string,
  { dtype = "auto", device = "auto", trainable = false }: LoadOptions = {},
): LoadedModel {
  const checkpoint = readCheckpoint(folder)
  const place = chooseDevice(device)
  if (dtype !== "auto" && !isFloat(dtype))
    throw new UserError(`${shown(dtype)} is no type to compute in`, { fix: "use auto, float32, bfloat16 or float16" })
  const compute = dtype === "auto" ? chooseComputeType({ device: place }).dtype : dtype
  const files = new Map<string, Tensor>()
  const weights = new Map<string, Tensor>()
  for (const [name, location] of checkpoint.tensors) {
    const stored = viewStored(files, location)
    weights.set(name, trainable ? parameter(stored, compute, place) : frozen(stored, compute, place))
  }
  return { model: buildModel(checkpoint.config, weights, compute), checkpoint, dtype: compute, device: place }
}

function viewStored(files: Map<string, Tensor>, { file, offset, bytes, dtype, shape }: TensorLocation): Tensor {
  let mapped = files.get(file)
  if (!mapped) {
    mapped = mapFile(file)
    files.set(file, mapped)
  }
  // The header fitted the file when it was read.
  if (mapped.shape[0] < offset + bytes)
    throw new UserError("the file became shorter while the model was loaded", {
      where: file,
      fix: "Copy or download it again; do not write to the files of a model that is in use.",
    })
  return viewBytes(mapped, offset, dtype, shape)
}

function parameter(stored: Tensor, dtype: DType, device: Device): Tensor {
  const own = stored.to({ device, dtype })
  return (own === stored ? stored.clone() : own).requiresGrad_()
}

/** On the CPU half-precision matrices stay as they are stored: products convert them. Vectors meet every operator as they are. */
function frozen(stored: Tensor, dtype: DType, device: Device): Tensor {
  const keep = stored.rank > 1 && BYTES[stored.dtype] < BYTES[dtype] && device === "cpu"
  return stored.to({ device, dtype: keep ? stored.dtype : dtype })
}
