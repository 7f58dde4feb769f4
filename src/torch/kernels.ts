/** The engine's own CPU operators (native/kernels/), for forwards without gradients. */

import { tensor } from "./create.js"
import { addon } from "./native.js"
import { operator, type Tensor } from "./tensor.js"

export interface KernelOptions {
  /** For tests and benchmarks; a set this CPU has not is an error. @default the best one of this CPU */
  instructionSet?: "portable" | "avx2" | "avx512"
}

export interface SkinnyLinearOptions extends KernelOptions {
  /** float32 [N]: an int8 weight is weight · scale, row by row. Required for int8, refused for other types. */
  scales?: Tensor | null
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

export interface RaggedAttention extends KernelOptions {
  /** [1, H, Q, d], the queries of all sequences behind one another; float32 or bfloat16. */
  q: Tensor
  /** [1, Hkv, R, d] of this call, as q; H is a multiple of Hkv. */
  k: Tensor
  v: Tensor
  /** Of each sequence: its cache [layers, 2, 1, Hkv, capacity, d], into which its k and v are written, or null for none. */
  stores: readonly (Tensor | null)[]
  layer: number
  /**
   * int32. For each sequence: its rows of k and v, tokens before them in its cache, its queries and its number of spans; for each
   * span first query, last + 1, and number of intervals of keys; for each interval first key and last + 1.
   */
  plan: Tensor
  scale: number
}

/**
 * softmax(q kᵀ · scale) v of each sequence, over its cache and what this call puts behind it: [1, H, Q, d]. What a query gets
 * depends on its own sequence alone, to the last bit.
 * CPU only, without gradients.
 * @throws TorchError for shapes, types and plans that do not fit
 */
export function attendRagged({ q, k, v, stores, layer, plan, scale, instructionSet }: RaggedAttention): Tensor {
  return operator("diffusionvl::attend_ragged").call(q, k, v, stores, layer, plan, scale, instructionSet)
}

/** How the token of one row of logits is chosen (paradigms/sampling.ts). */
export interface RowRule {
  /** In [0, 1); of no account at temperature 0. */
  uniform: number
  temperature: number
  topK: number
  topP: number
  /** A token that is never taken; −1: none. */
  banned: number
  /** Whether the confidence is the probability in the distribution that nothing but the ban changed. */
  unmodified: boolean
}

export type ChoiceState = "fine" | "not finite" | "all the same"

export interface ChosenTokens {
  ids: Int32Array
  confidences: Float32Array
  /** A token stands only where it is "fine": of the row's logits one may be no finite number, or all may be the same. */
  states: readonly ChoiceState[]
}

const STATES: readonly ChoiceState[] = ["fine", "not finite", "all the same"]

/**
 * One token for each row of logits, and its probability. CPU only, without gradients.
 * @param logits float32 [n, V] each, whose rows lie behind one another
 * @param rules one per row
 */
export function chooseTokens(
  logits: readonly Tensor[],
  rules: readonly RowRule[],
  { instructionSet }: KernelOptions = {},
): ChosenTokens {
  const numbers = new Float64Array(rules.length * 6)
  for (const [row, { uniform, temperature, topK, topP, banned, unmodified }] of rules.entries())
    numbers.set([uniform, temperature, topK, topP, banned, Number(unmodified)], row * 6)
  const table = tensor(numbers, [rules.length, 6])
  const chosen = operator("diffusionvl::choose_tokens").call(logits, table, instructionSet)
  const values = chosen.toArray() as Float64Array
  return {
    ids: Int32Array.from(rules, (_, row) => values[row * 3]),
    confidences: Float32Array.from(rules, (_, row) => values[row * 3 + 1]),
    states: rules.map((_, row) => STATES[values[row * 3 + 2]]),
  }
}

/**
 * x / sqrt(mean(x²) + eps) · weight over the last dimension, computed in float32. CPU only, without gradients.
 * @param x [..., H] in float32 or bfloat16
 * @param weight [H], as x
 * @throws TorchError for shapes and types that do not fit, and where a gradient would be recorded
 */
export function fastRmsNorm(x: Tensor, weight: Tensor, eps: number, { instructionSet }: KernelOptions = {}): Tensor {
  return operator("diffusionvl::rms_norm").call(x, weight, eps, instructionSet)
}

let present: boolean | undefined

/** False where the addon was built without the kernels. */
export function hasKernels(): boolean {
  present ??= addon().overloads().includes("diffusionvl::skinny_linear(")
  return present
}
