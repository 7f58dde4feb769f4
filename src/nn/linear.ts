/** The one place that knows how a weight is stored and multiplied. */

import {
  BYTES,
  cat,
  customFunction,
  gradEnabled,
  hasKernels,
  linear,
  readCpu,
  skinnyLinear,
  type Tensor,
  tidy,
  zeros,
} from "../torch/index.js"
import { addLowRank, type LowRankPart } from "./low-rank.js"

/** The most rows for which the skinny kernel is faster, with weights that it reads in half precision or past the cache … */
const SKINNY_ROWS = 64
/** … and with float32 weights that stay in the cache, of at most so many elements. */
const SKINNY_ROWS_CACHED = 16
const CACHED = 1 << 20
/** … and where libtorch's own library, MKL, does without AVX-512, as on processors of AMD (twice as fast from 8 to 512 rows). */
const SKINNY_ROWS_AMD = 512
/** Rows of bfloat16 for which it is faster than libtorch with AVX512-BF16; tile registers (AMX) are faster still. */
const SKINNY_HALF_ROWS = [2, 8] as const
/** A weight converted on the fly takes at most this much memory at a time. */
const CHUNK_BYTES = 64 * 2 ** 20

/** A matrix in the type it is stored in, with an optional bias in the compute type, and what adapters add to the product. */
export class Linear {
  /** @param weight [N, K] */
  constructor(
    readonly weight: Tensor,
    readonly bias: Tensor | null = null,
    readonly adapters: readonly LowRankPart[] = [],
  ) {}

  /** x [..., K] → [..., N], in x's type, which is the compute type. */
  forward(x: Tensor): Tensor {
    const product = multiply(x, this.weight, this.bias)
    return this.adapters.length === 0 ? product : addLowRank(product, x, this.adapters)
  }
}

/** x [..., K] times weight [N, K] transposed, plus bias [N], in x's type whatever the weight is stored in. */
export function multiply(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  const width = weight.shape[1]
  const rows = x.size / width
  if (isSkinny(x, weight, bias, rows)) return skinnyLinear(x, weight, bias)
  if (x.dtype === weight.dtype) return isPadded(x, rows) ? paddedProduct(x, weight, bias) : linear(x, weight, bias)
  if (isFrozen(x, weight, bias)) return frozenProduct(x, weight, bias)
  const chunkRows = chunkOf(x, width)
  if (chunkRows >= weight.shape[0]) return linear(x, weight.to(x.dtype), bias)
  const products = weight
    .split(chunkRows)
    .map((part, i) => linear(x, part.to(x.dtype), bias?.narrow(0, i * chunkRows, part.shape[0])))
  return cat(products, x.rank - 1)
}

/**
 * In half precision libtorch's library (oneDNN) makes a kernel for each number of rows it meets, which takes several times as long as
 * a small product. Decoding of many sequences meets all numbers: they are filled up to the next multiple of this.
 */
const PADDED_ROWS = 8
/** Above, the product is what takes long. */
const MOST_PADDED_ROWS = 512

const isPadded = (x: Tensor, rows: number): boolean =>
  x.dtype === "bfloat16" &&
  x.device === "cpu" &&
  rows % PADDED_ROWS !== 0 &&
  rows > PADDED_ROWS &&
  rows <= MOST_PADDED_ROWS &&
  !gradEnabled()

/** The product of x [..., K] with rows of nothing behind its own. */
function paddedProduct(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  return tidy(() => {
    const [outputs, width] = weight.shape
    const rows = x.size / width
    const filled = zeros([Math.ceil(rows / PADDED_ROWS) * PADDED_ROWS, width], { dtype: x.dtype })
    filled.narrow(0, 0, rows).copy_(x.reshape(rows, width))
    const product = linear(filled, weight, bias).narrow(0, 0, rows)
    return product.view(...x.shape.slice(0, -1), outputs)
  })
}

/** Rows of a weight that are converted at a time. */
const chunkOf = (x: Tensor, width: number): number => Math.max(1, Math.floor(CHUNK_BYTES / (width * BYTES[x.dtype])))

/** Whether a backward pass will come to x alone. */
const isFrozen = (x: Tensor, weight: Tensor, bias: Tensor | null): boolean =>
  gradEnabled() && x.requiresGrad && !weight.requiresGrad && !bias?.requiresGrad

/**
 * A product with a weight that is not learned. Recorded as it is, the graph would keep the converted weight: a whole frozen model
 * in the compute type. The backward pass converts it a second time.
 */
function frozenProduct(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const { dtype } = x
  const [product] = customFunction([x], {
    forward: () => [multiply(x, weight, bias)],
    backward: ([grad]) => [grad && backThrough(grad.to(dtype), weight)],
  })
  return product
}

/** grad [..., N] times weight [N, K]. */
function backThrough(grad: Tensor, weight: Tensor): Tensor {
  const [rows, width] = weight.shape
  const chunkRows = chunkOf(grad, width)
  if (chunkRows >= rows) return grad.matmul(weight.to(grad.dtype))
  const parts = weight
    .split(chunkRows)
    .map((part, i) => grad.narrow(grad.rank - 1, i * chunkRows, part.shape[0]).matmul(part.to(grad.dtype)))
  return parts.reduce((sum, part) => sum.add(part))
}

/** Whether this processor has AVX512-BF16 and no tile registers. */
function prefersSkinnyHalf(): boolean {
  const { instructions } = readCpu()
  return instructions.includes("avx512_bf16") && !instructions.includes("amx_bf16")
}

/** The most rows of float32 for which the skinny kernel is faster. */
function mostSkinnyRows(weight: Tensor): number {
  const { model, instructions } = readCpu()
  if (model.includes("AMD") && instructions.includes("avx512f")) return SKINNY_ROWS_AMD
  return weight.dtype === "float32" && weight.size <= CACHED ? SKINNY_ROWS_CACHED : SKINNY_ROWS
}

/** Products of few rows read each weight once, as it is stored; those that need no gradient can do so. */
function isSkinny(x: Tensor, weight: Tensor, bias: Tensor | null, rows: number): boolean {
  if (x.device !== "cpu" || !hasKernels()) return false
  if (x.dtype === "bfloat16") {
    if (weight.dtype !== "bfloat16" || rows < SKINNY_HALF_ROWS[0] || rows > SKINNY_HALF_ROWS[1]) return false
    if (!prefersSkinnyHalf()) return false
  } else if (x.dtype !== "float32" || rows > mostSkinnyRows(weight)) return false
  return !gradEnabled() || ![x, weight, bias].some((tensor) => tensor?.requiresGrad)
}
