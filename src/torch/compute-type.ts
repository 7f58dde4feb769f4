/**
 * The type `auto` computes in. Weights stay as they are stored; this decides activations and products.
 * bfloat16 is several times faster where a processor has instructions for it and many times slower where it has not,
 * so instructions are looked up and then one product is timed.
 */

import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { cacheFolder } from "../cache-folder.js"
import { makeFolder } from "../make-folder.js"
import { noGrad } from "./autograd.js"
import { type Cpu, hasBf16Matmul, readCpu } from "./cpu.js"
import { randn } from "./create.js"
import { chooseDevice, engineInfo } from "./device.js"
import type { Device, DType } from "./dtype.js"
import { tidy } from "./memory.js"
import { buildInfo } from "./native.js"
import { linear } from "./ops.js"

export interface ComputeType {
  dtype: Extract<DType, "bfloat16" | "float32">
  /** Why, for people: one clause. */
  reason: string
}

/** Milliseconds of one product `[64, 2048] × [2048, 2048]ᵀ` in both types. */
export interface MatmulTimes {
  float32: number
  bfloat16: number
}

export interface ComputeTypeOptions {
  /** @default the device `auto` picks */
  device?: Device
  cpu?: Cpu
  /** Times one product; the default asks the engine, and the cache before it. */
  measure?: (cpu: Cpu) => MatmulTimes
}

/** What `--dtype auto` means on a device: bfloat16 on CUDA and on processors where it is faster, float32 elsewhere. */
export function chooseComputeType({
  device = chooseDevice(),
  cpu = readCpu(),
  measure = measureOnce,
}: ComputeTypeOptions = {}): ComputeType {
  if (device.startsWith("cuda")) return { dtype: "bfloat16", reason: "a CUDA device" }
  if (device !== "cpu") return { dtype: "float32", reason: `the device is ${device}` }
  if (!hasBf16Matmul(cpu.instructions)) {
    return { dtype: "float32", reason: "the processor has no bf16 matrix instructions (AMX or AVX512-BF16)" }
  }
  const name = cpu.instructions.includes("amx_bf16") ? "AMX" : "AVX512-BF16"
  const times = measure(cpu)
  const ratio = times.float32 / times.bfloat16
  return ratio > 1
    ? { dtype: "bfloat16", reason: `the processor has ${name}, a bf16 product was timed ${ratio.toFixed(1)}× as fast` }
    : {
        dtype: "float32",
        reason: `the processor has ${name}, but a bf16 product was timed ${(1 / ratio).toFixed(1)}× slower`,
      }
}

/** The times for this processor, engine and number of threads: measured once, kept in the user's cache. */
function measureOnce(cpu: Cpu): MatmulTimes {
  const path = join(cacheFolder(), "product-times.json")
  const key = `${cpu.model} · torch ${buildInfo().torchVersion} · ${engineInfo().threads} threads`
  const known = readTimes(path)
  if (known[key]) return known[key]
  const times = timeMatmul()
  try {
    makeFolder(dirname(path))
    const draft = `${path}.${process.pid}`
    writeFileSync(draft, `${JSON.stringify({ ...known, [key]: times }, null, 2)}\n`)
    renameSync(draft, path)
  } catch {
    // A read-only home: the next start measures again, which takes a tenth of a second.
  }
  return times
}

function readTimes(path: string): Record<string, MatmulTimes> {
  try {
    // Opening a pipe would wait for its writer.
    if (!statSync(path).isFile()) return {}
    const known = JSON.parse(readFileSync(path, "utf8")) as Record<string, MatmulTimes>
    for (const times of Object.values(known)) if (!(times.float32 > 0 && times.bfloat16 > 0)) return {}
    return known
  } catch {
    return {}
  }
}

/** Times one product in both types, the best of several so that other programs disturb it less. */
function timeMatmul(rows = 64, features = 2048): MatmulTimes {
  const time = (dtype: DType) =>
    noGrad(() =>
      tidy(() => {
        const x = randn([rows, features]).to(dtype)
        const weight = randn([features, features]).to(dtype)
        let best = Number.POSITIVE_INFINITY
        for (let repeat = 0; repeat < 6; repeat += 1) {
          const start = performance.now()
          linear(x, weight).dispose()
          // The first builds the library's kernels.
          if (repeat > 0) best = Math.min(best, performance.now() - start)
        }
        return best
      }),
    )
  return { float32: time("float32"), bfloat16: time("bfloat16") }
}
