/**
 * Eager attention, its scores written out, for training in bfloat16 on the CPU: the engine's own kernel computes in
 * float32 there, and these products run at the rate of the processor's bfloat16 instructions.
 */

import {
  customFunction,
  dtypeCode,
  gradEnabled,
  hasBf16Matmul,
  operator,
  readCpu,
  type Tensor,
  tidy,
} from "../torch/index.js"

/** Probabilities are kept for the backward pass: at most 32 MiB a layer. */
const MAXIMUM_SCORES = 1 << 24

const softmax = operator("aten::_softmax")
const softmaxBackward = operator("aten::_softmax_backward_data")

/** Whether eager attention is the faster way for these. */
export function prefersEager(q: Tensor, k: Tensor): boolean {
  if (q.device !== "cpu" || q.dtype !== "bfloat16" || !gradEnabled() || !(q.requiresGrad || k.requiresGrad))
    return false
  const [batch, heads, rows] = q.shape
  return batch * heads * rows * k.shape[2] <= MAXIMUM_SCORES && hasBf16Matmul(readCpu().instructions)
}

/**
 * softmax(q kᵀ · scale + mask) v, with the scores and their softmax in float32 at least. Differentiable.
 * @param q [B, H, R, d]
 * @param k and v [B, Hkv, K, d]
 * @param mask [B or 1, 1, R, K] in that type, 0 or −∞; every row sees something
 * @returns [B, H, R, d]
 */
export function attentionEager(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: number): Tensor {
  const [batch, heads, rows, width] = q.shape
  const [, kvHeads, keys] = k.shape
  const { dtype } = q
  const scoreType = dtype === "float64" ? dtype : "float32"
  // Heads that share a key head are neighbours: their rows are multiplied together.
  const grouped = (x: Tensor): Tensor => x.reshape(batch * kvHeads, (heads / kvHeads) * rows, width)
  const perKeyHead = (x: Tensor): Tensor => x.reshape(batch * kvHeads, keys, width)
  let probabilities: Tensor
  const [output] = customFunction([q, k, v], {
    forward: () => {
      const result = tidy(() => {
        const scores = grouped(q).to(scoreType).mul(scale).matmul(perKeyHead(k).to(scoreType).transpose(1, 2))
        scores.view(batch, heads, rows, keys).add_(mask)
        const p = softmax.call(scores, 2, false).to(dtype)
        return { p, out: p.matmul(perKeyHead(v)).view(batch, heads, rows, width) }
      })
      probabilities = result.p
      return [result.out]
    },
    backward: ([grad]) => {
      if (!grad) return [null, null, null]
      const g = grouped(grad)
      const ofProbabilities = g.matmul(perKeyHead(v).transpose(1, 2))
      const ofScores = softmaxBackward.call(ofProbabilities, probabilities, 2, dtypeCode(dtype))
      return [
        ofScores.matmul(perKeyHead(k)).mul_(scale).view(batch, heads, rows, width),
        ofScores.transpose(1, 2).matmul(grouped(q)).mul_(scale).view(batch, kvHeads, keys, width),
        probabilities.transpose(1, 2).matmul(g).view(batch, kvHeads, keys, width),
      ]
    },
  })
  return output
}
