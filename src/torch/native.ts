/** The addon: found, loaded on first use, and called through one shared frame. Only this file knows its protocol. */

import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { UserError } from "../errors.js"
import { spinChosen, withSpinPolicy } from "./spin.js"

export interface Addon {
  frame(numbers: Float64Array, text: Uint8Array): void
  track(object: object, handle: number): void
  free(handles: Float64Array, count: number): void
  resolve(name: string, overload: string): number
  call(): void
  repeat(times: number): void
  overloads(): string
  backward(roots: Float64Array, grads: Float64Array, retain: boolean): void
  gradients(roots: Float64Array, inputs: Float64Array, grads: Float64Array, retain: boolean, create: boolean): void
  gradOf(handle: number): void
  setGrad(handle: number, grad: number): void
  customFunction(outputs: Float64Array, inputs: Float64Array, backward: () => unknown): void
  setGradMode(on: boolean): boolean
  setInferenceMode(on: boolean): void
  fromBuffer(bytes: Uint8Array, dtype: number, shape: readonly number[]): void
  toBuffer(handle: number, bytes: Uint8Array): void
  item(handle: number): number
  mapFile(path: string): void
  viewBytes(handle: number, offset: number, dtype: number, shape: readonly number[]): void
  describe(handle: number): void
  seed(seed: number): void
  newGenerator(device: string, seed: number): number
  setThreads(threads: number): void
  oneThread(on: boolean): void
  keepFreedMemory(): void
  returnFreedMemory(): void
  systemInfo(): string
  loadLibrary(path: string): void
  deviceCount(type: string): number
  synchronize(device: string): void
  takeWarnings(): string
  watchCrowd(): boolean
  isCrowded(): boolean
  watchInterrupts(notice: string): void
  unwatchInterrupts(): void
}

/** What set-up recorded beside the addon. */
export interface BuildInfo {
  torchVersion: string
  torchHome: string
  torchLib: string
  cuda: string | null
  torchCuda?: string | null
  /** How set-up found libtorch: "LIBTORCH", "VIRTUAL_ENV", "python3", "cache" … */
  torchSource?: string
  compiler?: string
}

/** Frame slots and value tags: the same numbers as native/engine.h. */
export const ALLOCATED = 0
export const LIVE_BYTES = 1
export const LIVE_TENSORS = 2
export const WARNINGS = 3
export const OP = 4
export const COUNT = 5
export const RESULTS = 6
export const ARGS = 16
export const Tag = {
  DEFAULT: 0,
  NONE: 1,
  TENSOR: 2,
  NUMBER: 3,
  BOOL: 4,
  NUMBERS: 5,
  BOOLS: 6,
  TENSORS: 7,
  STRING: 8,
  GENERATOR: 9,
  BIGINT: 10,
  SAME: 11,
  NUMBERLIST: 12,
} as const

export const frame = new Float64Array(1 << 16)
export const text = new Uint8Array(1 << 16)

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..")

function addonFolder(): string {
  return process.env.DIFFUSIONVL_NATIVE ?? join(root, "build", "native")
}

export function buildInfo(): BuildInfo {
  try {
    return JSON.parse(readFileSync(join(addonFolder(), "info.json"), "utf8")) as BuildInfo
  } catch (cause) {
    throw new UserError("the native engine has not been built", {
      where: addonFolder(),
      fix: "run: npm run setup",
      cause,
    })
  }
}

let loaded: Addon | undefined

/** Why libtorch's CUDA library could not be loaded on a machine with a driver. */
export let cudaProblem: string | undefined

/** Before anything asks for a device: libtorch remembers for good that there was no CUDA when it first looked. */
function loadCuda(engine: Addon): void {
  if (!["/proc/driver/nvidia", "/dev/dxg"].some((path) => existsSync(path))) return
  const { torchCuda, torchLib } = buildInfo()
  const library = torchCuda ?? join(torchLib, "libtorch_cuda.so")
  if (!existsSync(library)) return
  try {
    engine.loadLibrary(library)
  } catch (error) {
    cudaProblem = (error as Error).message
  }
}

/** The addon, loaded on the first call (0.15 s), so that `--help` does not pay for it. */
export function addon(): Addon {
  if (loaded) return loaded
  const path = join(addonFolder(), "diffusionvl.node")
  if (!existsSync(path))
    throw new UserError("the native engine has not been built", { where: path, fix: "run: npm run setup" })
  try {
    loaded = withSpinPolicy(() => {
      const engine = createRequire(import.meta.url)(path) as Addon
      engine.systemInfo() // LLVM's OpenMP reads its settings on the first call
      return engine
    })
  } catch (cause) {
    throw new UserError(`the native engine does not load: ${(cause as Error).message}`, {
      where: path,
      fix: "run: npm run setup -- --force",
      cause,
    })
  }
  if (!spinChosen()) loaded.watchCrowd()
  loaded.frame(frame, text)
  loadCuda(loaded)
  return loaded
}
