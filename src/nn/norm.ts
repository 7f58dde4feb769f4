/** RMSNorm, and its gradient, in fewer passes over memory than the engine's own on the CPU. */

import {
  customFunction,
  fastRmsNorm,
  gradEnabled,
  hasKernels,
  operator,
  rmsNorm,
  type Tensor,
  tidy,
  zeros,
} from "../torch/index.js"

const fused = operator("aten::_fused_rms_norm")
const layerNormBackward = operator("aten::native_layer_norm_backward")
const addcmul = operator("aten::addcmul")

/** x / sqrt(mean(x²) + eps) · weight over the last dimension, the mean taken in float32. */
export class RmsNorm {
  /** @param weight [H] in the compute type */
  constructor(
    readonly weight: Tensor,
    readonly eps: number,
  ) {}

  forward(x: Tensor): Tensor {
    if (isFast(x, this.weight)) return fastRmsNorm(x, this.weight, this.eps)
    const full = x.dtype === "float32" || x.dtype === "float64"
    return x.device === "cpu" && full ? normalise(x, this.weight, this.eps) : rmsNorm(x, this.weight, this.eps)
  }
}

/** Whether it needs no gradient, and the engine has a kernel of ours for it. */
function isFast(x: Tensor, weight: Tensor): boolean {
  if (x.device !== "cpu" || (x.dtype !== "float32" && x.dtype !== "bfloat16") || weight.dtype !== x.dtype) return false
  return hasKernels() && (!gradEnabled() || !(x.requiresGrad || weight.requiresGrad))
}

/**
 * The gradient of a layer norm whose mean is taken to be 0 is that of RMSNorm less one term, g·w averaged over the row:
 * the engine has a kernel for the former, and the latter is added.
 */
function normalise(x: Tensor, weight: Tensor, eps: number): Tensor {
  const width = weight.shape[0]
  let scale: Tensor
  const [output] = customFunction([x, weight], {
    forward: () => {
      const [normed, reciprocal] = fused.callAll([x, [width], weight, eps]) as [Tensor, Tensor]
      scale = reciprocal
      return [normed]
    },
    backward: ([grad]) =>
      tidy(() => {
        if (!grad) return [null, null]
        const mean = zeros([...scale.shape], { dtype: scale.dtype })
        const [most, ofWeight] = layerNormBackward.callAll([
          grad,
          x,
          [width],
          mean,
          scale,
          weight,
          null,
          [true, true, false],
        ]) as [Tensor, Tensor]
        const missing = grad.matmul(weight).unsqueeze(grad.rank - 1)
        return [addcmul.call(most, scale, missing, 1 / width), ofWeight]
      }),
  })
  return output
}
