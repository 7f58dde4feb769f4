/** Making tensors: filled, random, from JavaScript data, and over mapped files. */

import { UserError } from "../errors.js"
import { readResults } from "./call.js"
import { BYTES, type Device, type DType, dtypeCode } from "./dtype.js"
import type { Generator } from "./generator.js"
import { addon } from "./native.js"
import { operator, type Tensor } from "./tensor.js"

export interface TensorOptions {
  dtype?: DType
  device?: Device
}

const code = (dtype: DType): number => dtypeCode(dtype)

export function zeros(shape: number[], { dtype = "float32", device = "cpu" }: TensorOptions = {}): Tensor {
  return operator("aten::zeros").call(shape, code(dtype), undefined, device)
}
export function ones(shape: number[], { dtype = "float32", device = "cpu" }: TensorOptions = {}): Tensor {
  return operator("aten::ones").call(shape, code(dtype), undefined, device)
}
/** Uninitialised memory. */
export function empty(shape: number[], { dtype = "float32", device = "cpu" }: TensorOptions = {}): Tensor {
  return operator("aten::empty.memory_format").call(shape, code(dtype), undefined, device)
}
export function full(
  shape: number[],
  value: number,
  { dtype = "float32", device = "cpu" }: TensorOptions = {},
): Tensor {
  return operator("aten::full").call(shape, value, code(dtype), undefined, device)
}
/** start, start + 1, … < end */
export function arange(start: number, end: number, { dtype = "int64", device = "cpu" }: TensorOptions = {}): Tensor {
  return operator("aten::arange.start").call(start, end, code(dtype), undefined, device)
}
/** Uniform values in [0, 1). */
export function rand(shape: number[], options: TensorOptions & { generator?: Generator } = {}): Tensor {
  const { dtype = "float32", device = "cpu", generator } = options
  return operator("aten::rand.generator").call(shape, generator ?? null, code(dtype), undefined, device)
}
/** Standard normal values. */
export function randn(shape: number[], options: TensorOptions & { generator?: Generator } = {}): Tensor {
  const { dtype = "float32", device = "cpu", generator } = options
  return operator("aten::randn.generator").call(shape, generator ?? null, code(dtype), undefined, device)
}

const ARRAY_TYPES: [new (n: number) => ArrayBufferView, DType][] = [
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [BigInt64Array, "int64"],
  [Int32Array, "int32"],
  [Int16Array, "int16"],
  [Int8Array, "int8"],
  [Uint8Array, "uint8"],
  [Uint8ClampedArray, "uint8"],
]

/**
 * A tensor with a copy of `data`. Arrays of numbers become float32 unless `dtype` says otherwise; typed arrays keep
 * their type. With `dtype` "bfloat16" or "float16" a Uint16Array is taken as bit patterns.
 */
export function tensor(
  data: readonly number[] | ArrayBufferView,
  shape?: readonly number[],
  { dtype, device = "cpu" }: TensorOptions = {},
): Tensor {
  const view = ArrayBuffer.isView(data)
    ? data
    : dtype === "int64"
      ? BigInt64Array.from(data, (n) => BigInt(n))
      : Float64Array.from(data)
  const bits = view instanceof Uint16Array && (dtype === "bfloat16" || dtype === "float16")
  const known: DType | undefined = bits ? dtype : ARRAY_TYPES.find(([type]) => view instanceof type)?.[1]
  if (!known) throw new TypeError(`cannot make a tensor from a ${view.constructor.name}`)
  const length = view.byteLength / BYTES[known]
  addon().fromBuffer(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), code(known), shape ?? [length])
  const made = readResults()[0] as Tensor
  return made.to({ device, dtype: dtype ?? (ArrayBuffer.isView(data) ? known : "float32") })
}

/**
 * The bytes of a whole file, mapped: read when touched, never copied, private when written. A file that becomes shorter
 * while it is mapped ends the process with a sentence as soon as a missing byte is touched.
 * @throws UserError when it cannot be opened or mapped
 */
export function mapFile(path: string): Tensor {
  const engine = addon()
  try {
    engine.mapFile(path)
  } catch (cause) {
    throw new UserError("the file cannot be mapped into memory", { where: path, fix: (cause as Error).message, cause })
  }
  return readResults()[0] as Tensor
}

/** A tensor over part of a mapped file; keeps the mapping alive. `offset` in bytes. */
export function viewBytes(file: Tensor, offset: number, dtype: DType, shape: readonly number[]): Tensor {
  addon().viewBytes(file.handle, offset, code(dtype), shape)
  return readResults()[0] as Tensor
}
