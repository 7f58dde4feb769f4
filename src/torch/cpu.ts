/** The processor: its name and the instruction sets that decide how fast matrix products are. */

import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { cpus } from "node:os"

/** Instruction sets worth telling, by the names Linux and macOS give them, in the order of reports. */
const INSTRUCTIONS: [name: string, flags: string[]][] = [
  ["avx2", ["avx2"]],
  ["fma", ["fma"]],
  ["f16c", ["f16c"]],
  ["avx512f", ["avx512f"]],
  ["avx512_vnni", ["avx512_vnni"]],
  ["avx512_bf16", ["avx512_bf16"]],
  ["amx_tile", ["amx_tile"]],
  ["amx_bf16", ["amx_bf16"]],
  ["neon", ["asimd", "hw.optional.neon"]],
  ["bf16", ["bf16", "hw.optional.arm.feat_bf16"]],
  ["i8mm", ["i8mm", "hw.optional.arm.feat_i8mm"]],
]

export interface Cpu {
  /** e.g. "AMD EPYC" */
  model: string
  /** What the processor and the kernel offer, e.g. ["avx2", "fma"]. */
  instructions: string[]
}

let known: Cpu | undefined

/** This machine's processor; asked once. */
export function readCpu(): Cpu {
  known ??= askCpu()
  return known
}

function askCpu(): Cpu {
  const model = cpus()[0]?.model.trim() || "unknown processor"
  const flags = new Set(process.platform === "darwin" ? macFlags() : linuxFlags())
  return {
    model,
    instructions: INSTRUCTIONS.filter(([, names]) => names.some((name) => flags.has(name))).map(([name]) => name),
  }
}

function linuxFlags(): string[] {
  try {
    const line = readFileSync("/proc/cpuinfo", "utf8").match(/^(?:flags|Features)\s*:\s*(.*)$/m)
    return line?.[1].split(/\s+/) ?? []
  } catch {
    return []
  }
}

/** `sysctl hw.optional` prints "hw.optional.arm.FEAT_BF16: 1". */
function macFlags(): string[] {
  try {
    const text = execFileSync("sysctl", ["hw.optional"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
    return [...text.matchAll(/^(\S+): 1$/gm)].map((match) => match[1].toLowerCase())
  } catch {
    return []
  }
}

/** True where a matrix product may be computed in bfloat16 by instructions made for it. */
export function hasBf16Matmul(instructions: readonly string[]): boolean {
  return instructions.includes("amx_bf16") || instructions.includes("avx512_bf16")
}
