/** Signals while nothing turns the event loop: children that compute without a pause, or whose weights file shrinks. */

import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { linux } from "../support/needs.js"

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "signals-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const compiled = (module: string) =>
  JSON.stringify(pathToFileURL(resolve(import.meta.dirname, "../../dist", module)).href)

/** Runs a script of plain JavaScript; `onLine` is called with the child at every line it prints. */
async function run(script: string, onLine: (line: string, kill: (signal: NodeJS.Signals) => void) => void = () => {}) {
  const file = join(folder, "child.mjs")
  writeFileSync(file, script)
  const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "pipe"] })
  const output = { out: "", err: "" }
  child.stderr.setEncoding("utf8").on("data", (text) => (output.err += text))
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.out += text
    for (const line of text.trimEnd().split("\n")) onLine(line, (signal) => child.kill(signal))
  })
  // A child that cannot be ended is what these tests are about.
  const deadline = setTimeout(() => child.kill("SIGKILL"), 60_000)
  const [code, signal] = await new Promise<[number | null, string | null]>((done) =>
    child.on("close", (code, signal) => done([code, signal])),
  )
  clearTimeout(deadline)
  return { code, signal, ...output }
}

const job = (work: string) => `
import { interruptible } from ${compiled("cli/process/interrupt.js")}
import { reportError } from ${compiled("cli/process/errors.js")}
const compute = (until) => { while (!until()) Math.sqrt(2) }
try {
  await interruptible(async (signal) => { ${work} })
} catch (error) {
  process.exitCode = reportError(error)
}`

describe("Ctrl-C while JavaScript computes", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("%s: the second always ends the program, with 130", async (signal) => {
    const { code, err } = await run(job(`console.log("ready"); compute(() => false)`), (_, kill) => {
      kill(signal)
      setTimeout(() => kill(signal), 300)
    })
    expect({ code, err }).toEqual({ code: 130, err: expect.stringContaining("press Ctrl-C again") })
  })

  it("the first is said at once and leaves the job its clean end", async () => {
    const work = `
      console.log("ready")
      const end = performance.now() + 1000
      compute(() => performance.now() > end)
      await new Promise((done) => setTimeout(done, 10))
      console.log(signal.aborted ? "saved" : "not asked")`
    const { code, out, err } = await run(job(work), (line, kill) => {
      if (line === "ready") kill("SIGINT")
    })
    expect({ code, out }).toEqual({ code: 130, out: "ready\nsaved\n" })
    expect(err.match(/stopping at the next clean point/g)).toHaveLength(1)
  })

  it("a job that is done leaves the signals as they were", async () => {
    const script = `${job("")}\nconsole.log("ready"); setInterval(() => {}, 1000)`
    expect(await run(script, (_, kill) => kill("SIGTERM"))).toMatchObject({ code: null, signal: "SIGTERM" })
  })
})

describe("a mapped file", () => {
  const mapped = (then: string) => `
import { truncateSync, writeFileSync } from "node:fs"
import { mapFile } from ${compiled("torch/index.js")}
const file = ${JSON.stringify(join(folder, "weights.bin"))}
writeFileSync(file, Buffer.alloc(1 << 20, 1))
const weights = mapFile(file)
${then}
console.log(weights.to({ device: "cpu", dtype: "float32" }).sum().item())`

  linux.it("that became shorter ends the program in a sentence", async () => {
    const { code, out, err } = await run(mapped("truncateSync(file, 5000)"))
    expect({ code, out }).toEqual({ code: 1, out: "" })
    expect(err).toMatch(
      /^error: .*weights\.bin: the file became shorter while the model was in use\n {2}Copy or download/,
    )
  })

  it("that stays whole is read as it is", async () => {
    expect(await run(mapped(""))).toMatchObject({ code: 0, out: `${1 << 20}\n` })
  })

  it("does not hide a bus error that is none of its own", async () => {
    expect(await run(mapped(`process.kill(process.pid, "SIGBUS")`))).toMatchObject({ code: null, signal: "SIGBUS" })
  })
})
