/** The engine's own CPU operators: products of few rows with weights read once, in the type they are stored in. */

import { addon } from "./native.js"
import { operator, type Tensor } from "./tensor.js"

export interface SkinnyLinearOptions {
  /** float32 [N]: an int8 weight is weight · scale, row by row. Required for int8, refused for other types. */
  scales?: Tensor | null
  /** For tests and benchmarks; a set this CPU has not is an error. @default the best one of this CPU */
  instructionSet?: "portable" | "avx2" | "avx512"
}

/**
 * x [..., K] times weight [N, K] transposed, plus bias [N]: [..., N] in x's type. Sums are float32, weights are widened
 * exactly, so the result is that of a float32 product whatever the weight is stored in.
 * CPU only, without gradients.
 * @param x float32, or bfloat16 or float16, which are widened
 * @param weight contiguous; bfloat16, float16, float32, or int8 with scales
 * @throws TorchError for shapes and types that do not fit, and where a gradient would be recorded
 */
export function skinnyLinear(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  { scales = null, instructionSet }: SkinnyLinearOptions = {},
): Tensor {
  return operator("diffusionvl::skinny_linear").call(x, weight, bias, scales, instructionSet)
}

let present: boolean | undefined

/** False where the addon was built without the kernels. */
export function hasSkinnyLinear(): boolean {
  present ??= addon().overloads().includes("diffusionvl::skinny_linear(")
  return present
}
