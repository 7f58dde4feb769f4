/**
 * Tensors for library users, as `diffusionvl/torch`: libtorch's tensors and operators, gradients, memory and devices.
 * What the product's own kernels and measurements need is not here.
 */

export {
  backward,
  type CustomFunction,
  checkpoint,
  customFunction,
  enableGrad,
  gradEnabled,
  gradients,
  inferenceMode,
  noGrad,
} from "./torch/autograd.js"
export { type Handle, type Operator, type Result, TorchError, type Value } from "./torch/call.js"
export { type ComputeType, type ComputeTypeOptions, chooseComputeType, type MatmulTimes } from "./torch/compute-type.js"
export type { Cpu } from "./torch/cpu.js"
export { arange, empty, full, ones, randn, type TensorOptions, tensor, zeros } from "./torch/create.js"
export {
  chooseDevice,
  cudaDevices,
  type EngineInfo,
  engineInfo,
  mpsAvailable,
  synchronize,
} from "./torch/device.js"
export { BYTES, type Device, type DType, isFloat } from "./torch/dtype.js"
export { Generator, manualSeed } from "./torch/generator.js"
export { collect, dispose, type HasHandle, keepFreedMemory, memory, tidy, untidied } from "./torch/memory.js"
export { cat, crossEntropy, embedding, linear, rmsNorm, scaledDotProductAttention, stack, where } from "./torch/ops.js"
export { callOperator, operator, Tensor, type TypedArray } from "./torch/tensor.js"
export { setThreads } from "./torch/threads.js"
