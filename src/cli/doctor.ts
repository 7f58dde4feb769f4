/** One screen of facts to read, or to paste into a report: versions, engine, devices, speed, room. Never stops at a fault. */

import { readdirSync, readFileSync, statfsSync, statSync } from "node:fs"
import { availableParallelism, freemem, totalmem } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { cacheFolder } from "../cache-folder.js"
import { messageOf } from "../errors.js"
import { systemFailure } from "../system-failures.js"
import { readCpu } from "../torch/cpu.js"
import {
  buildInfo,
  chooseComputeType,
  chooseDevice,
  cudaDevices,
  describeThreads,
  engineInfo,
  mpsAvailable,
} from "../torch/index.js"
import { measureBandwidth, measureMatmul } from "../torch/measure.js"
import { EXIT_FAILED } from "./process/errors.js"
import { formatBytes } from "./ui/format.js"

/** One line of the screen. A fact that could not be had says why. */
export interface Fact {
  name: string
  value: string
  failed?: true
}

/** Prints the screen; the exit code is 1 when something does not work. */
export function doctor({ json = false, write = (text: string) => process.stdout.write(text) as unknown } = {}): number {
  const facts: Fact[] = []
  const tell = (fact: Fact) => {
    facts.push(fact)
    // Line by line: the measurements take a second or two.
    if (!json) write(`${fact.name.padEnd(14)}${fact.value.replaceAll("\n", `\n${" ".repeat(14)}`)}\n`)
  }
  for (const [name, find] of CHECKS) {
    try {
      tell({ name, value: find() })
    } catch (error) {
      tell({ name, value: `failed: ${systemFailure(error) ?? messageOf(error)}`, failed: true })
    }
  }
  if (json) write(`${JSON.stringify(facts, null, 2)}\n`)
  return facts.some((fact) => fact.failed) ? EXIT_FAILED : 0
}

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), "..", "..")

const CHECKS: [name: string, find: () => string][] = [
  ["diffusionvl", () => `${packageVersion()} in ${packageFolder}`],
  ["node", () => `${process.versions.node}, ${process.platform} ${process.arch}`],
  ["libtorch", libtorch],
  ["compiler", () => buildInfo().compiler ?? "unknown"],
  ["devices", devices],
  ["threads", () => `${engineInfo().threads} for tensors, ${availableParallelism()} cores; ${describeThreads()}`],
  ["processor", () => readCpu().model],
  [
    "instructions",
    () => `${readCpu().instructions.join(" ") || "none known"} (libtorch uses ${engineInfo().cpuCapability})`,
  ],
  ["auto", compute],
  ["memory speed", () => perDevice((device) => `${formatBytes(measureBandwidth(device))}/s read`)],
  [
    "products",
    () => perDevice((device) => `float32 ${products("float32", device)}, bfloat16 ${products("bfloat16", device)}`),
  ],
  ["cache", cache],
  ["free memory", () => `${formatBytes(freemem())} of ${formatBytes(memoryLimit())}`],
  ["free disk", freeDisk],
]

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as { version: string }).version
}

function libtorch(): string {
  const { torchVersion, torchHome, torchSource } = buildInfo()
  return `${torchVersion} in ${torchHome}\nfound by: ${torchSource ?? "unknown"}`
}

function devices(): string {
  const cuda = cudaDevices()
  const found = [
    "cpu",
    ...Array.from({ length: cuda }, (_, index) => `cuda:${index}`),
    ...(mpsAvailable() ? ["mps"] : []),
  ]
  return `${found.join(", ")}${cuda === 0 && process.platform === "linux" ? ` (${whyNoCuda()})` : ""}`
}

function whyNoCuda(): string {
  let driver = true
  try {
    statSync("/proc/driver/nvidia/version")
  } catch {
    driver = false
  }
  if (!driver) return "no NVIDIA driver"
  if (!buildInfo().cuda) return "an NVIDIA driver is there, but this libtorch has no CUDA: npm run setup -- --force"
  return "an NVIDIA driver is there, but libtorch sees no device: is the driver new enough?"
}

function compute(): string {
  const device = chooseDevice()
  const { dtype, reason } = chooseComputeType({ device })
  return `${device}, ${dtype}: ${reason}`
}

/** The CPU, and the accelerator `auto` picks if there is one. */
function perDevice(measure: (device: string) => string): string {
  const chosen = chooseDevice()
  if (chosen === "cpu") return measure("cpu")
  return ["cpu", chosen].map((device) => `${device}: ${measure(device)}`).join("\n")
}

function products(dtype: "float32" | "bfloat16", device: string): string {
  const rate = measureMatmul(dtype, device) / 1e12
  return `${rate >= 10 ? rate.toFixed(0) : rate.toPrecision(2)} TFLOP/s`
}

function cache(): string {
  const folder = cacheFolder()
  return `${folder}, ${formatBytes(bytesUnder(folder))}`
}

function bytesUnder(folder: string): number {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    return files.reduce((bytes, file) => bytes + statSync(join(file.parentPath, file.name)).size, 0)
  } catch {
    // Not there yet, or changing while it is read.
    return 0
  }
}

/** What this process may use: a container's limit where there is one. */
function memoryLimit(): number {
  const limit = process.constrainedMemory?.() ?? 0
  return limit > 0 && limit < totalmem() ? limit : totalmem()
}

function freeDisk(): string {
  let folder = cacheFolder()
  while (folder !== dirname(folder) && !exists(folder)) folder = dirname(folder)
  const places = new Map([
    [folder, "cache"],
    [process.cwd(), "here"],
  ])
  return [...places].map(([place, name]) => `${name} ${formatBytes(freeBytes(place))}`).join(", ")
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
