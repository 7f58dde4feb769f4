/** Devices, threads and what the engine runs on. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { UserError } from "../errors.js"
import type { Device } from "./dtype.js"
import { addon, buildInfo } from "./native.js"

let cudaLoaded = false

/** Number of CUDA devices; loads libtorch's CUDA library the first time, if there is one. */
export function cudaDevices(): number {
  if (!cudaLoaded) {
    cudaLoaded = true
    const info = buildInfo()
    const library = info.torchCuda ?? join(info.torchLib, "libtorch_cuda.so")
    if (!existsSync(library) || !existsSync("/proc/driver/nvidia")) return 0
    addon().loadLibrary(library)
  }
  return addon().deviceCount("cuda")
}

export function mpsAvailable(): boolean {
  return process.platform === "darwin" && process.arch === "arm64" && addon().deviceCount("mps") > 0
}

/** "auto": the first CUDA device, else MPS, else the CPU. */
export function chooseDevice(wanted: Device | "auto" = "auto"): Device {
  if (wanted === "auto") return cudaDevices() > 0 ? "cuda:0" : mpsAvailable() ? "mps" : "cpu"
  if (!/^(cpu|mps|cuda(:\d+)?)$/.test(wanted))
    throw new UserError(`there is no device "${wanted}"`, { fix: "use auto, cpu, cuda, cuda:1 or mps" })
  const index = Number(wanted.split(":")[1] ?? 0)
  if (wanted.startsWith("cuda") && index >= cudaDevices())
    throw new UserError(`there is no CUDA device for "${wanted}"`, { fix: "use cpu, or auto" })
  if (wanted === "mps" && !mpsAvailable()) throw new UserError('there is no "mps" device', { fix: "use cpu, or auto" })
  return wanted === "cuda" ? "cuda:0" : wanted
}

/** Waits until everything queued on the device is done. */
export function synchronize(device: Device): void {
  addon().synchronize(device)
}

export interface EngineInfo {
  threads: number
  cpuCapability: string
  mkldnn: boolean
}
export function engineInfo(): EngineInfo {
  return JSON.parse(addon().systemInfo()) as EngineInfo
}
export function setThreads(threads: number): void {
  addon().setThreads(threads)
}
