/** Devices, threads and what the engine runs on. */

import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import type { Device } from "./dtype.js"
import { addon, cudaProblem } from "./native.js"

/** Number of CUDA devices. */
export function cudaDevices(): number {
  return addon().deviceCount("cuda")
}

/** Whether this is a Mac whose GPU libtorch can use. */
export function mpsAvailable(): boolean {
  return process.platform === "darwin" && process.arch === "arm64" && addon().deviceCount("mps") > 0
}

/** "auto": the first CUDA device, else MPS, else the CPU. */
export function chooseDevice(wanted: Device | "auto" = "auto"): Device {
  if (wanted === "auto") return cudaDevices() > 0 ? "cuda:0" : mpsAvailable() ? "mps" : "cpu"
  if (!/^(cpu|mps|cuda(:\d+)?)$/.test(wanted))
    throw new UserError(`there is no device ${shown(wanted)}`, { fix: "use auto, cpu, cuda, cuda:1 or mps" })
  const index = Number(wanted.split(":")[1] ?? 0)
  if (wanted.startsWith("cuda") && index >= cudaDevices())
    throw new UserError(`there is no CUDA device for ${shown(wanted)}${cudaProblem ? ` (${cudaProblem})` : ""}`, {
      fix: "use cpu, or auto",
    })
  if (wanted === "mps" && !mpsAvailable()) throw new UserError('there is no "mps" device', { fix: "use cpu, or auto" })
  return wanted === "cuda" ? "cuda:0" : wanted
}

/** Waits until everything queued on the device is done. */
export function synchronize(device: Device): void {
  addon().synchronize(device)
}

export interface EngineInfo {
  /** Threads that operators compute on. */
  threads: number
  /** Instruction set of libtorch's own kernels, such as AVX2. */
  cpuCapability: string
  mkldnn: boolean
}
/** What the engine computes with on the CPU. */
export function engineInfo(): EngineInfo {
  return JSON.parse(addon().systemInfo()) as EngineInfo
}
