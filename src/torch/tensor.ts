// biome-ignore-all format: one method a line, as a table
/** The Tensor class: a handle to a libtorch tensor with the usual methods. Shapes and dtypes are cached on the object. */

import { Operator, type Result, readResults, setConstructor, type Value } from "./call.js"
import { BYTES, type Device, type DType, dtypeCode } from "./dtype.js"
import { dispose } from "./memory.js"
import { ARGS, addon, frame } from "./native.js"

const operators = new Map<string, Operator<Tensor>>()

/** The operator of this name, resolved once. */
export function operator(name: string): Operator<Tensor> {
  let found = operators.get(name)
  if (!found) {
    found = new Operator<Tensor>(name)
    operators.set(name, found)
  }
  return found
}

const o = (name: string): Operator<Tensor> => operator(`aten::${name}`)
const op = {
  add: o("add.Tensor"), addScalar: o("add.Scalar"), sub: o("sub.Tensor"), subScalar: o("sub.Scalar"),
  mul: o("mul.Tensor"), mulScalar: o("mul.Scalar"), div: o("div.Tensor"), divScalar: o("div.Scalar"),
  add_: o("add_.Tensor"), addScalar_: o("add_.Scalar"), mul_: o("mul_.Tensor"), mulScalar_: o("mul_.Scalar"),
  pow: o("pow.Tensor_Scalar"), neg: o("neg"), abs: o("abs"), exp: o("exp"), log: o("log"),
  sqrt: o("sqrt"), rsqrt: o("rsqrt"), sin: o("sin"), cos: o("cos"), silu: o("silu"), gelu: o("gelu"),
  clamp: o("clamp"), eq: o("eq.Tensor"), eqScalar: o("eq.Scalar"), ne: o("ne.Tensor"), neScalar: o("ne.Scalar"),
  lt: o("lt.Tensor"), ltScalar: o("lt.Scalar"), le: o("le.Tensor"), leScalar: o("le.Scalar"), gt: o("gt.Tensor"), gtScalar: o("gt.Scalar"),
  ge: o("ge.Tensor"), geScalar: o("ge.Scalar"), and: o("logical_and"),
  matmul: o("matmul"), sum: o("sum"), sumDim: o("sum.dim_IntList"), mean: o("mean"), meanDim: o("mean.dim"),
  max: o("max"), maxDim: o("max.dim"), min: o("min"), amax: o("amax"), argmax: o("argmax"), topk: o("topk"), sort: o("sort"), cumsum: o("cumsum"),
  softmax: o("softmax.int"), logSoftmax: o("log_softmax.int"), logsumexp: o("logsumexp"),
  view: o("view"), reshape: o("reshape"), permute: o("permute"), transpose: o("transpose.int"), unsqueeze: o("unsqueeze"),
  squeeze: o("squeeze.dim"), expand: o("expand"), narrow: o("narrow"), select: o("select.int"), contiguous: o("contiguous"),
  flatten: o("flatten.using_ints"), split: o("split.Tensor"), splitSizes: o("split_with_sizes"), repeatInterleave: o("repeat_interleave.self_int"),
  indexSelect: o("index_select"), gather: o("gather"), maskedFill: o("masked_fill.Scalar"),
  indexCopy: o("index_copy"), scatter: o("scatter.src"),
  copy_: o("copy_"), zero_: o("zero_"), fill_: o("fill_.Scalar"),
  toDtype: o("to.dtype"), toDevice: o("to.device"), detach: o("detach"), clone: o("clone"), requiresGrad_: o("requires_grad_"),
  all: o("all"), isfinite: o("isfinite"),
}

export type TypedArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Int8Array | Int16Array | Uint16Array

/** A multi-dimensional array. Freed when unreachable, at the end of a `tidy` or `using`, or by `dispose()`. */
export class Tensor {
  constructor(
    readonly handle: number,
    readonly dtype: DType,
    readonly shape: readonly number[],
    readonly device: Device,
  ) {}

  get rank(): number {
    return this.shape.length
  }
  /** Number of elements. */
  get size(): number {
    let n = 1
    for (const s of this.shape) n *= s
    return n
  }
  /** Of its elements, whatever memory they lie in. */
  get bytes(): number {
    return this.size * BYTES[this.dtype]
  }

  // Arithmetic; numbers and tensors broadcast as in PyTorch.
  add(other: Tensor | number, alpha?: number): Tensor { return typeof other === "number" ? op.addScalar.call(this, other, alpha) : op.add.call(this, other, alpha) }
  sub(other: Tensor | number): Tensor { return typeof other === "number" ? op.subScalar.call(this, other) : op.sub.call(this, other) }
  mul(other: Tensor | number): Tensor { return typeof other === "number" ? op.mulScalar.call(this, other) : op.mul.call(this, other) }
  div(other: Tensor | number): Tensor { return typeof other === "number" ? op.divScalar.call(this, other) : op.div.call(this, other) }
  /** In place; returns this same object, as every method that ends in `_`. */
  add_(other: Tensor | number, alpha?: number): Tensor { return typeof other === "number" ? op.addScalar_.call(this, other, alpha) : op.add_.call(this, other, alpha) }
  mul_(other: Tensor | number): Tensor { return typeof other === "number" ? op.mulScalar_.call(this, other) : op.mul_.call(this, other) }
  pow(exponent: number): Tensor { return op.pow.call(this, exponent) }
  neg(): Tensor { return op.neg.call(this) }
  abs(): Tensor { return op.abs.call(this) }
  exp(): Tensor { return op.exp.call(this) }
  log(): Tensor { return op.log.call(this) }
  sqrt(): Tensor { return op.sqrt.call(this) }
  rsqrt(): Tensor { return op.rsqrt.call(this) }
  sin(): Tensor { return op.sin.call(this) }
  cos(): Tensor { return op.cos.call(this) }
  silu(): Tensor { return op.silu.call(this) }
  /** @param approximate "none" is the exact (erf) form. */
  gelu(approximate: "none" | "tanh" = "none"): Tensor { return op.gelu.call(this, approximate) }
  clamp(min?: number | null, max?: number | null): Tensor { return op.clamp.call(this, min ?? null, max ?? null) }

  // Comparisons give bool tensors.
  eq(other: Tensor | number): Tensor { return typeof other === "number" ? op.eqScalar.call(this, other) : op.eq.call(this, other) }
  ne(other: Tensor | number): Tensor { return typeof other === "number" ? op.neScalar.call(this, other) : op.ne.call(this, other) }
  lt(other: Tensor | number): Tensor { return typeof other === "number" ? op.ltScalar.call(this, other) : op.lt.call(this, other) }
  le(other: Tensor | number): Tensor { return typeof other === "number" ? op.leScalar.call(this, other) : op.le.call(this, other) }
  gt(other: Tensor | number): Tensor { return typeof other === "number" ? op.gtScalar.call(this, other) : op.gt.call(this, other) }
  ge(other: Tensor | number): Tensor { return typeof other === "number" ? op.geScalar.call(this, other) : op.ge.call(this, other) }
  and(other: Tensor): Tensor { return op.and.call(this, other) }
  isfinite(): Tensor { return op.isfinite.call(this) }
  all(): Tensor { return op.all.call(this) }

  matmul(other: Tensor): Tensor { return op.matmul.call(this, other) }
  /** Sum of all elements, or over `dims`. */
  sum(dims?: number[], keep = false): Tensor { return dims ? op.sumDim.call(this, dims, keep) : op.sum.call(this) }
  mean(dims?: number[], keep = false): Tensor { return dims ? op.meanDim.call(this, dims, keep) : op.mean.call(this) }
  max(): Tensor { return op.max.call(this) }
  min(): Tensor { return op.min.call(this) }
  amax(dims: number[], keep = false): Tensor { return op.amax.call(this, dims, keep) }
  /** Largest values along `dim` and where they are. */
  maxAlong(dim: number, keep = false): [values: Tensor, indices: Tensor] { return op.maxDim.callAll([this, dim, keep]) as [Tensor, Tensor] }
  argmax(dim?: number, keep = false): Tensor { return op.argmax.call(this, dim ?? null, keep) }
  /** The k largest (or smallest) values along `dim` and where they are. */
  topk(k: number, dim = -1, largest = true, sorted = true): [values: Tensor, indices: Tensor] { return op.topk.callAll([this, k, dim, largest, sorted]) as [Tensor, Tensor] }
  sort(dim = -1, descending = false): [values: Tensor, indices: Tensor] { return op.sort.callAll([this, dim, descending]) as [Tensor, Tensor] }
  cumsum(dim: number, dtype?: DType): Tensor { return op.cumsum.call(this, dim, dtype ? dtypeCode(dtype) : undefined) }
  softmax(dim: number, dtype?: DType): Tensor { return op.softmax.call(this, dim, dtype ? dtypeCode(dtype) : undefined) }
  logSoftmax(dim: number, dtype?: DType): Tensor { return op.logSoftmax.call(this, dim, dtype ? dtypeCode(dtype) : undefined) }
  logsumexp(dims: number[], keep = false): Tensor { return op.logsumexp.call(this, dims, keep) }

  // Shapes; views share memory.
  view(...shape: number[]): Tensor { return op.view.call(this, shape) }
  reshape(...shape: number[]): Tensor { return op.reshape.call(this, shape) }
  permute(...dims: number[]): Tensor { return op.permute.call(this, dims) }
  transpose(a: number, b: number): Tensor { return op.transpose.call(this, a, b) }
  unsqueeze(dim: number): Tensor { return op.unsqueeze.call(this, dim) }
  squeeze(dim: number): Tensor { return op.squeeze.call(this, dim) }
  expand(...shape: number[]): Tensor { return op.expand.call(this, shape) }
  /** `length` elements from `start` along `dim`. */
  narrow(dim: number, start: number, length: number): Tensor { return op.narrow.call(this, dim, start, length) }
  select(dim: number, index: number): Tensor { return op.select.call(this, dim, index) }
  contiguous(): Tensor { return op.contiguous.call(this) }
  flatten(start = 0, end = -1): Tensor { return op.flatten.call(this, start, end) }
  /** Pieces of one size (the last may be smaller), or of the given sizes. */
  split(size: number | number[], dim = 0): Tensor[] { return (typeof size === "number" ? op.split : op.splitSizes).callAll([this, size, dim])[0] as Tensor[] }
  /** Each element `repeats` times in a row along `dim`. */
  repeatInterleave(repeats: number, dim: number): Tensor { return op.repeatInterleave.call(this, repeats, dim) }

  // Picking and placing.
  indexSelect(dim: number, indices: Tensor): Tensor { return op.indexSelect.call(this, dim, indices) }
  gather(dim: number, indices: Tensor): Tensor { return op.gather.call(this, dim, indices) }
  /** A copy with the rows `indices` along `dim` replaced by those of `source`. */
  indexCopy(dim: number, indices: Tensor, source: Tensor): Tensor { return op.indexCopy.call(this, dim, indices, source) }
  /** A copy with `source` written to the places `indices` names along `dim`, element by element. */
  scatter(dim: number, indices: Tensor, source: Tensor): Tensor { return op.scatter.call(this, dim, indices, source) }
  maskedFill(mask: Tensor, value: number): Tensor { return op.maskedFill.call(this, mask, value) }
  copy_(source: Tensor): Tensor { return op.copy_.call(this, source) }
  zero_(): Tensor { return op.zero_.call(this) }
  fill_(value: number): Tensor { return op.fill_.call(this, value) }

  /** Converts type or moves device; returns this same object when nothing changes, so dispose neither or both. */
  to(target: DType): Tensor
  to(target: { device: Device; dtype?: DType }): Tensor
  to(target: DType | { device: Device; dtype?: DType }): Tensor {
    if (typeof target === "string") return target === this.dtype ? this : op.toDtype.call(this, dtypeCode(target))
    const dtype = target.dtype ?? this.dtype
    if (target.device === this.device && dtype === this.dtype) return this
    return op.toDevice.call(this, target.device, dtypeCode(dtype))
  }
  clone(): Tensor { return op.clone.call(this) }

  // Autograd.
  detach(): Tensor { return op.detach.call(this) }
  /** Makes a leaf collect gradients, or not. */
  requiresGrad_(on = true): Tensor { return op.requiresGrad_.call(this, on) }
  get requiresGrad(): boolean {
    addon().describe(this.handle)
    return frame[ARGS] !== 0
  }
  /** The accumulated gradient of a leaf, or null. */
  get grad(): Tensor | null {
    addon().gradOf(this.handle)
    return readResults()[0] as Tensor | null
  }
  set grad(value: Tensor | null) {
    addon().setGrad(this.handle, value ? value.handle : -1)
  }

  // Out of the engine.
  /** The single element of this tensor. Waits for the device. */
  item(): number {
    return addon().item(this.handle)
  }
  /** A copy of the elements in row-major order; bfloat16 and float16 come as their 16-bit patterns, bool as bytes. */
  toArray(): TypedArray {
    const n = this.size
    const array: TypedArray = makeArray(this.dtype, n)
    addon().toBuffer(this.handle, new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    return array
  }
  /** A copy as float32 whatever the dtype. */
  toFloat32(): Float32Array {
    return this.to("float32").toArray() as Float32Array
  }
  /** A copy as numbers; for integer tensors and small results. */
  toNumbers(): number[] {
    if (this.dtype === "int64") return Array.from(this.toArray() as BigInt64Array, Number)
    if (this.dtype === "bfloat16" || this.dtype === "float16") return Array.from(this.toFloat32())
    return Array.from(this.toArray() as Float32Array)
  }

  /** Frees it now; using it afterwards is an error. */
  dispose(): void {
    dispose([this])
  }
  [Symbol.dispose](): void {
    dispose([this])
  }
  toString(): string {
    return `Tensor(${this.dtype}[${this.shape.join(", ")}]${this.device === "cpu" ? "" : ` on ${this.device}`})`
  }
}

function makeArray(dtype: DType, n: number): TypedArray {
  switch (dtype) {
    case "float32": return new Float32Array(n)
    case "float64": return new Float64Array(n)
    case "int64": return new BigInt64Array(n)
    case "int32": return new Int32Array(n)
    case "int16": return new Int16Array(n)
    case "int8": return new Int8Array(n)
    case "bfloat16": case "float16": return new Uint16Array(n)
    default: return new Uint8Array(n)
  }
}

setConstructor((handle, dtype, shape, device) => new Tensor(handle, dtype, shape, device))

/** Calls any operator by name with its schema's positional arguments; every result is returned. */
export function callOperator(name: string, ...args: Value[]): Result<Tensor>[] {
  return operator(name).callAll(args)
}
