/** The engine: tensors, operators, autograd, memory, devices. The only folder that knows the addon. */

export * from "./autograd.js"
export { Operator, type Result, TorchError, type Value } from "./call.js"
export { type ComputeType, chooseComputeType } from "./compute-type.js"
export { hasBf16Matmul, readCpu } from "./cpu.js"
export * from "./create.js"
export * from "./device.js"
export { BYTES, type Device, type DType, dtypeCode, isFloat } from "./dtype.js"
export { Generator, manualSeed } from "./generator.js"
export * from "./kernels.js"
export { measureBandwidth, measureMatmul } from "./measure.js"
export {
  collect,
  dispose,
  isMemoryScarce,
  keepFreedMemory,
  memory,
  returnFreedMemory,
  Scope,
  tidy,
  untidied,
} from "./memory.js"
export { type BuildInfo, buildInfo } from "./native.js"
export * from "./ops.js"
export { callOperator, operator, Tensor } from "./tensor.js"
export * from "./threads.js"
