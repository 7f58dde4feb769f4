/** Tensors made of stored ones: a part, several in a row, or another order of elements. Only read when asked for. */

import { ELEMENT_BYTES, type ElementType } from "./element-types.js"
import type { Reorder } from "./layout.js"
import { readPieces } from "./safetensors/safetensors.js"
import type { TensorLocation } from "./safetensors/safetensors-header.js"

interface Typed {
  dtype: ElementType
  shape: number[]
}
/** Bytes that are at hand, or can be made. */
interface TensorData extends Typed {
  data(): Uint8Array | Iterable<Uint8Array>
}
interface SliceView extends Typed {
  op: "slice"
  of: TensorView
  axis: number
  start: number
}
interface JoinView extends Typed {
  op: "join"
  parts: readonly TensorView[]
  axis: number
}
/** `of`, viewed as `view`, its axes in the order `order`. */
interface ReorderView extends Typed {
  op: "reorder"
  of: TensorView
  view: readonly number[]
  order: readonly number[]
}
/** Elements of a flat `of` at multiples of the strides, which count elements. */
interface StridedView extends Typed {
  op: "strided"
  of: TensorLocation
  strides: readonly number[]
}
export type TensorView = TensorLocation | TensorData | SliceView | JoinView | ReorderView | StridedView

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1)
const sizeOf = ({ dtype, shape }: Typed): number => product(shape) * ELEMENT_BYTES[dtype]

/** The part of `length` from `start` along an axis; whole rows of a file stay a place in the file. */
export function sliceOf(of: TensorView, axis: number, start: number, length: number): TensorView {
  const shape = of.shape.map((size, i) => (i === axis ? length : size))
  if (axis === 0 && "offset" in of) {
    const row = of.bytes / of.shape[0]
    return { ...of, shape, offset: of.offset + start * row, bytes: length * row }
  }
  return { op: "slice", of, axis, start, dtype: of.dtype, shape }
}

/** @throws RangeError for parts that do not lie side by side */
export function joinOf(parts: readonly TensorView[], axis: number): TensorView {
  const [{ dtype, shape }] = parts
  const fits = (part: TensorView): boolean =>
    part.dtype === dtype &&
    part.shape.length === shape.length &&
    part.shape.every((size, i) => i === axis || size === shape[i])
  if (!(axis < shape.length) || !parts.every(fits)) throw new RangeError("parts of different shapes or types")
  const total = parts.reduce((sum, part) => sum + part.shape[axis], 0)
  return { op: "join", parts, axis, dtype, shape: shape.map((size, i) => (i === axis ? total : size)) }
}

/** @throws RangeError for a view that does not have as many elements */
export function reorderOf(of: TensorView, { view, order }: Reorder): TensorView {
  const known = view ? -product(view) : 0
  const sizes = view ? view.map((size) => (size === -1 ? product(of.shape) / known : size)) : of.shape
  if (order.length !== sizes.length || product(sizes) !== product(of.shape) || !sizes.every(Number.isInteger))
    throw new RangeError(`[${of.shape}] cannot be viewed as [${sizes}]`)
  const shape = view ? of.shape : order.map((axis) => sizes[axis])
  return { op: "reorder", of, view: sizes, order, dtype: of.dtype, shape: [...shape] }
}

/** A tensor of PyTorch over its elements in a file; where they lie in their order it is simply that place. */
export function stridedOf(of: TensorLocation, shape: readonly number[], strides: readonly number[]): TensorView {
  const isInOrder = shape.every((size, axis) => size === 1 || strides[axis] === product(shape.slice(axis + 1)))
  if (isInOrder || product(shape) === 0) return { ...of, shape: [...shape] }
  return { op: "strided", of, strides, dtype: of.dtype, shape: [...shape] }
}

/** The order that undoes another. */
export function undone({ view, order }: Reorder): Reorder {
  const inverse = order.map((_, axis) => order.indexOf(axis))
  return view ? { view: order.map((axis) => view[axis]), order: inverse } : { order: inverse }
}

/** The places in files that a tensor is made of. */
export function locationsOf(view: TensorView): TensorLocation[] {
  if ("offset" in view) return [view]
  if (!("op" in view)) return []
  return view.op === "join" ? view.parts.flatMap(locationsOf) : locationsOf(view.of)
}

/** Its bytes in pieces, row-major. What is only a place in a file, or several in a row, is streamed. */
export function* readView(view: TensorView): Generator<Uint8Array> {
  if ("offset" in view) yield* readPieces(view)
  else if (!("op" in view)) {
    const data = view.data()
    if (data instanceof Uint8Array) yield data
    else yield* data
  } else if (view.op === "join" && view.axis === 0) for (const part of view.parts) yield* readView(part)
  else yield assemble(view)
}

/** All its bytes, row-major. */
export function bytesOf(view: TensorView): Uint8Array {
  const bytes = new Uint8Array(sizeOf(view))
  let offset = 0
  for (const piece of readView(view)) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return bytes
}

function assemble(view: SliceView | JoinView | ReorderView | StridedView): Uint8Array {
  const out = new Uint8Array(sizeOf(view))
  if (view.op === "strided") {
    gathered(bytesOf(view.of), view, out)
    return out
  }
  if (view.op === "reorder") {
    reordered(bytesOf(view.of), view, out)
    return out
  }
  const outer = product(view.shape.slice(0, view.axis))
  const inner = product(view.shape.slice(view.axis + 1)) * ELEMENT_BYTES[view.dtype]
  const row = view.shape[view.axis] * inner
  if (view.op === "slice") {
    const from = bytesOf(view.of)
    const stride = view.of.shape[view.axis] * inner
    for (let i = 0; i < outer; i++) {
      const start = i * stride + view.start * inner
      out.set(from.subarray(start, start + row), i * row)
    }
    return out
  }
  let offset = 0
  for (const part of view.parts) {
    const [from, length] = [bytesOf(part), part.shape[view.axis] * inner]
    for (let i = 0; i < outer; i++) out.set(from.subarray(i * length, (i + 1) * length), i * row + offset)
    offset += length
  }
  return out
}

function reordered(from: Uint8Array, { view, order, dtype }: ReorderView, out: Uint8Array): void {
  const element = ELEMENT_BYTES[dtype]
  const strides = view.map((_, axis) => product(view.slice(axis + 1)) * element)
  let offset = 0
  const walk = (depth: number, start: number): void => {
    if (depth === order.length) {
      out.set(from.subarray(start, start + element), offset)
      offset += element
      return
    }
    const axis = order[depth]
    // Axes that end as they began are copied in one piece.
    if (order.slice(depth).every((later, i) => later === depth + i)) {
      const length = product(view.slice(depth)) * element
      out.set(from.subarray(start, start + length), offset)
      offset += length
      return
    }
    for (let i = 0; i < view[axis]; i++) walk(depth + 1, start + i * strides[axis])
  }
  walk(0, 0)
}

/** Arrays whose elements are as long as those of a type: their bits are moved, never read as numbers. */
const BITS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }

function gathered(from: Uint8Array, { shape, strides, dtype }: StridedView, out: Uint8Array): void {
  const Bits = BITS[ELEMENT_BYTES[dtype] as keyof typeof BITS]
  const source = new Bits(from.buffer as ArrayBuffer)
  const target = new Bits(out.buffer as ArrayBuffer)
  const last = shape.length - 1
  let next = 0
  const walk = (axis: number, start: number): void => {
    for (let i = 0, at = start; i < shape[axis]; i++, at += strides[axis])
      if (axis === last) target[next++] = source[at]
      else walk(axis + 1, at)
  }
  walk(0, 0)
}
