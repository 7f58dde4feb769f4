/** Operators that are not methods: joining, layers, attention, optimiser steps. Shapes as in PyTorch. */

import { dtypeCode } from "./dtype.js"
import { operator, type Tensor } from "./tensor.js"

const o = (name: string) => operator(`aten::${name}`)
const ops = {
  cat: o("cat"),
  stack: o("stack"),
  where: o("where.self"),
  whereScalar: o("where.ScalarOther"),
  linear: o("linear"),
  embedding: o("embedding"),
  rmsNorm: o("rms_norm"),
  crossEntropy: o("cross_entropy_loss"),
  sdpa: o("scaled_dot_product_attention"),
  fusedAdamW_: o("_fused_adamw_"),
  foreachCopy_: o("_foreach_copy_"),
  foreachAdd_: o("_foreach_add_.List"),
  foreachNorm: o("_foreach_norm.Scalar"),
  norm: o("linalg_vector_norm"),
}

/** Joined along `dim`; a single tensor comes back as it is. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  return tensors.length === 1 ? tensors[0] : ops.cat.call(tensors, dim)
}
/** Joined along a new dimension. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  return ops.stack.call(tensors, dim)
}
/** Elements of a where `condition` holds, else of b. */
export function where(condition: Tensor, a: Tensor, b: Tensor | number): Tensor {
  return typeof b === "number" ? ops.whereScalar.call(condition, a, b) : ops.where.call(condition, a, b)
}
/** x [..., K] times weight [N, K] transposed, plus bias [N]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  return ops.linear.call(x, weight, bias ?? null)
}
/** Rows of weight [V, H] for ids int64 [...]. */
export function embedding(weight: Tensor, ids: Tensor): Tensor {
  return ops.embedding.call(weight, ids)
}
/** x / rms(x) * weight over the last dimension. */
export function rmsNorm(x: Tensor, weight: Tensor | null, eps: number): Tensor {
  return ops.rmsNorm.call(x, [x.shape[x.rank - 1]], weight, eps)
}
/** Cross entropy of logits [N, V] against ids int64 [N]; "none" gives [N]. */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  reduction: "none" | "mean" | "sum" = "mean",
  ignoreIndex = -100,
): Tensor {
  return ops.crossEntropy.call(logits, targets, null, ["none", "mean", "sum"].indexOf(reduction), ignoreIndex)
}
/**
 * softmax(q kᵀ · scale + mask) v. q [B, H, Lq, d], k and v [B, Hkv, Lk, d]; mask bool (true = may attend) or additive.
 * `causal` is aligned top-left: only for Lq = Lk. `gqa` lets k and v have fewer heads.
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  {
    mask = null,
    causal = false,
    scale,
    gqa = false,
  }: { mask?: Tensor | null; causal?: boolean; scale?: number; gqa?: boolean } = {},
): Tensor {
  return ops.sdpa.call(q, k, v, mask, 0, causal, scale ?? null, gqa)
}
/** Euclidean norm over everything, in float32. */
export function vectorNorm(x: Tensor): Tensor {
  return ops.norm.call(x, 2, null, false, dtypeCode("float32"))
}

export interface AdamWStep {
  parameters: Tensor[]
  gradients: Tensor[]
  /** First and second moments, of the parameters' dtype. */
  firstMoments: Tensor[]
  secondMoments: Tensor[]
  /** One float32 scalar per parameter, already incremented for this step. */
  steps: Tensor[]
  learningRate: number
  beta1: number
  beta2: number
  weightDecay: number
  eps: number
  /** Gradients are divided by this scalar first. */
  gradientScale?: Tensor
}
/** One AdamW step in place, fused over all parameters (decoupled weight decay). */
export function fusedAdamW_(s: AdamWStep): void {
  ops.fusedAdamW_.callAll([
    s.parameters,
    s.gradients,
    s.firstMoments,
    s.secondMoments,
    [],
    s.steps,
    s.learningRate,
    s.beta1,
    s.beta2,
    s.weightDecay,
    s.eps,
    false,
    false,
    s.gradientScale,
  ])
}
export function foreachCopy_(into: readonly Tensor[], from: readonly Tensor[]): void {
  ops.foreachCopy_.callAll([into, from])
}
/** Euclidean norm of each. */
export function foreachNorm(tensors: readonly Tensor[]): Tensor[] {
  return ops.foreachNorm.callAll([tensors])[0] as Tensor[]
}
/** into[i] += from[i] */
export function foreachAdd_(into: readonly Tensor[], from: readonly Tensor[]): void {
  ops.foreachAdd_.callAll([into, from])
}
