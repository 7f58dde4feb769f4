/** The compute type policy: which processors get which type, and that one product decides where instructions exist. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { cacheFolder as setupCacheFolder } from "../../scripts/lib/paths.mjs"
import { linux } from "../../test/support/needs.js"
import { cacheFolder } from "../cache-folder.js"
import { chooseComputeType } from "./compute-type.js"
import { readCpu } from "./cpu.js"

const never = () => {
  throw new Error("nothing to measure")
}
const cpu = (...instructions: string[]) => ({ model: "test processor", instructions })

describe("chooseComputeType", () => {
  it("computes in bfloat16 on CUDA, in float32 on MPS, without measuring", () => {
    expect(chooseComputeType({ device: "cuda:0", cpu: cpu(), measure: never }).dtype).toBe("bfloat16")
    expect(chooseComputeType({ device: "mps", cpu: cpu("neon", "bf16"), measure: never }).dtype).toBe("float32")
  })

  it("computes in float32 on processors without bf16 matrix instructions, without measuring", () => {
    const chosen = chooseComputeType({ device: "cpu", cpu: cpu("avx2", "fma", "avx512f"), measure: never })
    expect(chosen).toMatchObject({ dtype: "float32", reason: expect.stringContaining("no bf16 matrix instructions") })
  })

  it("believes the clock, not the instruction set", () => {
    const fast = chooseComputeType({
      device: "cpu",
      cpu: cpu("amx_bf16"),
      measure: () => ({ float32: 6, bfloat16: 1 }),
    })
    expect(fast).toMatchObject({ dtype: "bfloat16", reason: expect.stringContaining("6.0×") })
    const slow = chooseComputeType({
      device: "cpu",
      cpu: cpu("avx512_bf16"),
      measure: () => ({ float32: 1, bfloat16: 20 }),
    })
    expect(slow).toMatchObject({ dtype: "float32", reason: expect.stringContaining("20.0× slower") })
  })
})

describe("the measured answer", () => {
  const before = process.env.DIFFUSIONVL_CACHE
  afterEach(() => {
    if (before === undefined) delete process.env.DIFFUSIONVL_CACHE
    else process.env.DIFFUSIONVL_CACHE = before
  })

  it("is measured through the engine once, then kept, and survives a damaged file", () => {
    const folder = mkdtempSync(join(tmpdir(), "compute-type-"))
    process.env.DIFFUSIONVL_CACHE = folder
    const path = join(folder, "product-times.json")
    const options = { device: "cpu", cpu: cpu("avx512_bf16") }
    const first = chooseComputeType(options)
    expect(first.reason).toMatch(/^the processor has AVX512-BF16, .*a bf16 product was timed \d/)
    const times = JSON.parse(readFileSync(path, "utf8"))
    const [key] = Object.keys(times)
    expect(key).toContain("test processor")
    expect(times[key].float32).toBeGreaterThan(0)
    expect(chooseComputeType(options)).toEqual(first)
    writeFileSync(path, JSON.stringify({ [key]: { float32: 5, bfloat16: 1 } }))
    expect(chooseComputeType(options).reason).toContain("5.0×")
    writeFileSync(path, "{ damaged")
    const again = chooseComputeType(options)
    const measured = JSON.parse(readFileSync(path, "utf8"))[key]
    expect(measured.float32).toBeGreaterThan(0)
    expect(measured.bfloat16).toBeGreaterThan(0)
    expect(again.dtype).toBe(measured.bfloat16 < measured.float32 ? "bfloat16" : "float32")
    rmSync(folder, { recursive: true })
  })
})

describe("machine facts", () => {
  it("the processor has a name and instruction sets of its architecture", () => {
    const { model, instructions } = readCpu()
    expect(model).not.toBe("")
    const own = process.arch === "x64" ? ["avx2", "fma", "f16c", "avx512", "amx"] : ["neon", "bf16", "i8mm"]
    expect(instructions.filter((name) => !own.some((start) => name.startsWith(start)))).toEqual([])
    if (process.arch === "arm64") expect(instructions).toContain("neon")
  })

  linux.it("its instruction sets are those that the kernel lists", () => {
    const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))![1].split(" ")
    const { instructions } = readCpu()
    for (const [name, flag] of [
      ["avx2", "avx2"],
      ["avx512_bf16", "avx512_bf16"],
      ["neon", "asimd"],
    ])
      expect(instructions.includes(name), name).toBe(flags.includes(flag))
  })

  it("the cache folder is the one that set-up uses", () => {
    for (const env of [{}, { XDG_CACHE_HOME: "/x" }, { DIFFUSIONVL_CACHE: "relative" }]) {
      for (const platform of ["linux", "darwin"] as const) {
        expect(cacheFolder(env, platform, "/home/me")).toBe(setupCacheFolder(env, platform, "/home/me"))
      }
    }
  })
})
