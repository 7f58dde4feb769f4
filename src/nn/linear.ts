/** The one place that knows how a weight is stored and multiplied. */

import { BYTES, cat, gradEnabled, linear, type Tensor } from "../torch/index.js"

/** x [m, K] float32 times weight [N, K], bfloat16 or float32, transposed, plus bias [N]; for few rows, without gradients. */
export type ThinKernel = (x: Tensor, weight: Tensor, bias: Tensor | null) => Tensor

/** The most rows for which reading a weight once, in its stored type, beats converting it. */
const THIN_ROWS = 64
/** A weight converted on the fly takes at most this much memory at a time. */
const SLAB_BYTES = 64 * 2 ** 20

let thinKernel: ThinKernel | undefined

/** Makes products of few float32 rows on the CPU go through `kernel`. */
export function useThinKernel(kernel: ThinKernel | undefined): void {
  thinKernel = kernel
}

/** A matrix in the type it is stored in, with an optional bias in the compute type. */
export class Linear {
  /** @param weight [N, K] */
  constructor(
    readonly weight: Tensor,
    readonly bias: Tensor | null = null,
  ) {}

  /** x [..., K] → [..., N], in x's type, which is the compute type. */
  forward(x: Tensor): Tensor {
    return multiply(x, this.weight, this.bias)
  }
}

/** x [..., K] times weight [N, K] transposed, plus bias [N], in x's type whatever the weight is stored in. */
export function multiply(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  const width = weight.shape[1]
  if (thinKernel && isThin(x, weight, x.size / width)) {
    const product = thinKernel(x.rank === 2 ? x : x.reshape(-1, width), weight, bias)
    return x.rank === 2 ? product : product.view(...x.shape.slice(0, -1), weight.shape[0])
  }
  if (x.dtype === weight.dtype) return linear(x, weight, bias)
  const slab = Math.max(1, Math.floor(SLAB_BYTES / (width * BYTES[x.dtype])))
  if (slab >= weight.shape[0]) return linear(x, weight.to(x.dtype), bias)
  const products = weight
    .split(slab)
    .map((part, i) => linear(x, part.to(x.dtype), bias?.narrow(0, i * slab, part.shape[0])))
  return cat(products, x.rank - 1)
}

function isThin(x: Tensor, weight: Tensor, rows: number): boolean {
  if (rows > THIN_ROWS || x.dtype !== "float32" || x.device !== "cpu") return false
  if (weight.dtype !== "bfloat16" && weight.dtype !== "float32") return false
  return !gradEnabled() || (!x.requiresGrad && !weight.requiresGrad)
}
