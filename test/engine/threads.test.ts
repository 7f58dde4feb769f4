/** What the engine does to its process: how its threads wait, how many compute, and what it leaves alone. */

import { spawnSync } from "node:child_process"
import { fileURLToPath, pathToFileURL } from "node:url"
import { describe, expect, it } from "vitest"
import { needs } from "../support/needs.js"

const dist = process.env.DIFFUSIONVL_DIST ?? fileURLToPath(new URL("../../dist", import.meta.url))
const LINUX = process.platform === "linux"
const GLIBC = "glibcVersionRuntime" in (process.report.getReport() as { header: object }).header
const VARIABLES = ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]

/** Runs a program that has the engine as `T`, in a process with only these settings of threads. */
function run(program: string, settings: Record<string, string> = {}): { stdout: string; stderr: string } {
  const env: NodeJS.ProcessEnv = { ...process.env }
  for (const name of VARIABLES) delete env[name]
  const code = `const T = await import(${JSON.stringify(pathToFileURL(`${dist}/torch/index.js`).href)})\n${program}`
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    env: { ...env, ...settings },
    encoding: "utf8",
    timeout: 60_000,
  })
  expect(child.status, child.stderr).toBe(0)
  return child
}

needs(LINUX, "Linux").describe("how long threads spin", () => {
  const told = (settings: Record<string, string>): string =>
    run("T.engineInfo()", { OMP_DISPLAY_ENV: "VERBOSE", ...settings }).stderr

  /** Computes, with as many other busy processes as there are processors, until it is crowded or 20 s are over. */
  const CROWDED = `
    const { addon } = await import(new URL("./native.js", ${JSON.stringify(pathToFileURL(`${dist}/torch/index.js`).href)}))
    const { spawn } = await import("node:child_process")
    const { availableParallelism } = await import("node:os")
    T.engineInfo()
    const others = Array.from({ length: availableParallelism() }, () => spawn(process.execPath, ["-e", "for (;;);"]))
    const x = T.zeros([256, 256])
    const product = () => T.tidy(() => x.matmul(x).sum().item())
    const end = Date.now() + 20_000
    while (!addon().isCrowded() && Date.now() < end) product()
    const crowded = addon().isCrowded()
    for (const other of others) other.kill("SIGKILL")
    console.log(JSON.stringify({ crowded }))
    process.exit(0)
  `

  it("becomes short while other programs want the processors", () => {
    expect(JSON.parse(run(CROWDED).stdout)).toEqual({ crowded: true })
  })

  it("stays the user's beside other programs", () => {
    expect(JSON.parse(run(CROWDED.replace("20_000", "1_000"), { GOMP_SPINCOUNT: "7" }).stdout).crowded).toBe(false)
  })

  it("is the user's where the environment says it", () => {
    expect(told({ GOMP_SPINCOUNT: "7" })).toContain("GOMP_SPINCOUNT = '7'")
    expect(told({ OMP_WAIT_POLICY: "PASSIVE" })).toContain("GOMP_SPINCOUNT = '0'")
  })

  it("is no concern of child processes", () => {
    const { stdout } = run(`
      T.engineInfo()
      const { execFileSync } = await import("node:child_process")
      console.log(execFileSync(process.execPath, ["-p", "[process.env.GOMP_SPINCOUNT, process.env.KMP_BLOCKTIME].join()"], { encoding: "utf8" }))
    `)
    expect(stdout.trim()).toBe(",")
  })
})

describe("how many threads compute", () => {
  const COUNT = `
    const threads = () => T.engineInfo().threads
    const small = (body) => T.onThreadsFor({ rows: 8, weights: 1000 }, body)
    T.setThreads(3)
  `
  const counts = (program: string, settings?: Record<string, string>): unknown =>
    JSON.parse(run(`${COUNT}\nconsole.log(JSON.stringify(${program}))`, settings).stdout)

  it("is one within a small forward, and as before outside and after an error", () => {
    expect(counts("[threads(), small(threads), threads()]")).toEqual([3, 1, 3])
    expect(counts("[small(() => small(threads)), small(() => [small(threads), threads()]), threads()]")).toEqual([
      1,
      [1, 1],
      3,
    ])
    expect(
      counts("(() => { try { small(() => { throw new Error() }) } catch {} return [small(threads), threads()] })()"),
    ).toEqual([1, 3])
  })

  it("is all within a large one", () => {
    expect(counts("T.onThreadsFor({ rows: 8, weights: 1e8 }, threads)")).toBe(3)
  })

  it("is the user's where the environment says it", () => {
    for (const name of ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
      expect(counts("[small(threads), threads()]", { [name]: "2" })).toEqual([3, 3])
    expect(Number(run("console.log(T.engineInfo().threads)", { OMP_NUM_THREADS: "2" }).stdout)).toBe(2)
  })

  it("makes small products give the same bits however many there are", () => {
    const { stdout } = run(`
      const bits = T.noGrad(() => [7, 8, 9].map((rows) => {
        T.manualSeed(rows)
        const x = T.randn([rows, 160]), w = T.randn([400, 160])
        return [1, 2, 3].map((threads) => {
          T.setThreads(threads)
          return T.onThreadsFor({ rows, weights: w.size }, () => Buffer.from(T.linear(x, w).toFloat32().buffer).toString("hex"))
        })
      }))
      console.log(JSON.stringify(bits.map((same) => new Set(same).size)))
    `)
    expect(JSON.parse(stdout)).toEqual([1, 1, 1])
  })
})

needs(GLIBC, "glibc").describe("freed memory", () => {
  /** Bytes that stay resident of 256 MB that were written and freed. */
  const kept = (before: string): number =>
    Number(
      run(`
        T.engineInfo()
        ${before}
        const rss = process.memoryUsage.rss()
        T.ones([64 * 2 ** 20]).dispose()
        console.log(process.memoryUsage.rss() - rss)
      `).stdout,
    )

  it("goes back to the system when the engine was only loaded, and stays where a program chose so", () => {
    expect(kept("")).toBeLessThan(64 * 2 ** 20)
    expect(kept("T.keepFreedMemory()")).toBeGreaterThan(192 * 2 ** 20)
  })
})
