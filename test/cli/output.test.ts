/** Standard output that is full or closed, and a folder that is gone: how the program ends, and what it says. */

import { type SpawnOptions, spawn } from "node:child_process"
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { OutputGuard, type OutputProcess } from "../../src/cli/process/output.js"
import { linux } from "../support/needs.js"

const program = resolve(import.meta.dirname, "../../bin/diffusionvl.mjs")
const RECORDS = 3000
let folder: string
let records: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "output-"))
  records = join(folder, "records.json")
  writeFileSync(records, JSON.stringify(Array.from({ length: RECORDS }, (_, id) => ({ id: `${id}` }))))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs the program; `read` gets its standard output when that is a pipe. */
async function run(
  args: string[],
  options: SpawnOptions,
  read?: (stream: NodeJS.ReadableStream & { destroy(): void }) => void,
): Promise<{ code: number | null; err: string }> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, OMP_NUM_THREADS: "1" },
    ...options,
  })
  let err = ""
  child.stderr?.setEncoding("utf8").on("data", (text) => (err += text))
  if (child.stdout) read?.(child.stdout)
  const code = await new Promise<number | null>((done) => child.on("close", done))
  // The progress has its own line now and then.
  return { code, err: err.replace(/^checking · .*\n/gm, "") }
}

const commands = () => [["--help"], ["--version"], ["train", "--help"], ["data", "check", "--json", records]]

linux.describe("a full disk", () => {
  it.each([0, 1, 2, 3])("on standard output is a sentence and code 1 (%i)", async (index) => {
    const full = openSync("/dev/full", "w")
    try {
      const { code, err } = await run(commands()[index], { stdio: ["ignore", full, "pipe"] })
      expect({ code, err }).toEqual({ code: 1, err: "error: standard output: the disk is full\n" })
    } finally {
      closeSync(full)
    }
  })

  it("on standard error changes nothing", async () => {
    const full = openSync("/dev/full", "w")
    try {
      expect((await run(["--version"], { stdio: ["ignore", "pipe", full] })).code).toBe(0)
      expect((await run(["no-such-command"], { stdio: ["ignore", "pipe", full] })).code).toBe(2)
    } finally {
      closeSync(full)
    }
  })
})

describe("a pipe", () => {
  it("that is closed ends the program silently with 0", async () => {
    const ended = await run(["data", "check", records], { stdio: ["ignore", "pipe", "pipe"] }, (out) =>
      out.once("data", () => out.destroy()),
    )
    expect(ended).toEqual({ code: 0, err: "" })
  })

  it("that is read slowly gets everything", async () => {
    let text = ""
    const { code } = await run(["data", "check", "--json", records], { stdio: ["ignore", "pipe", "ignore"] }, (out) =>
      setTimeout(() => out.setEncoding("utf8").on("data", (piece) => (text += piece)), 1000),
    )
    const lines = text.trimEnd().split("\n")
    expect(code).toBe(1)
    expect(lines).toHaveLength(RECORDS + 1)
    expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ type: "summary", bad: RECORDS })
  })
})

describe("the current folder", () => {
  it("deleted meanwhile is named, and help is still given", async () => {
    const gone = join(folder, "gone")
    mkdirSync(gone)
    const command = `rmdir '${gone}'; exec "$0" "$@"`
    const here = (args: string[]) => {
      mkdirSync(gone, { recursive: true })
      return new Promise<{ code: number | null; text: string }>((done) => {
        const child = spawn("sh", ["-c", command, process.execPath, program, ...args], { cwd: gone })
        let text = ""
        for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (text += piece))
        child.on("close", (code) => done({ code, text }))
      })
    }
    expect(await here(["data", "check", "x.json"])).toEqual({
      code: 1,
      text: "error: the current folder does not exist any more\n  Change to another folder.\n",
    })
    expect(await here(["--version"])).toMatchObject({ code: 0 })
  })
})

describe("OutputGuard", () => {
  const guard = (writesFiles: boolean) => {
    const exits: number[] = []
    let err = ""
    let tell = (_: NodeJS.ErrnoException) => {}
    const target: OutputProcess = {
      stdout: { on: (_, listener) => (tell = listener) },
      stderr: { on: () => {}, write: (text) => (err += text) },
      exit: (code) => exits.push(code),
    }
    const made = new OutputGuard(target)
    made.writesFiles = writesFiles
    const fail = (code: string) => tell(Object.assign(new Error(code), { code, syscall: "write" }))
    return { made, fail, exits, said: () => err }
  }

  it("lets a command that writes files go on, and tells a full disk in the end", () => {
    const { made, fail, exits, said } = guard(true)
    fail("EPIPE")
    expect([exits, said(), made.exitCode(0)]).toEqual([[], "", 0])
    fail("ENOSPC")
    fail("ENOSPC")
    expect([exits, said(), made.exitCode(0)]).toEqual([[], "error: standard output: the disk is full\n", 1])
    expect(made.exitCode(130)).toBe(130)
  })

  it("ends a command that only prints", () => {
    const closed = guard(false)
    closed.fail("EPIPE")
    expect([closed.exits, closed.said()]).toEqual([[0], ""])
    const full = guard(false)
    full.fail("EIO")
    expect([full.exits, full.said()]).toEqual([
      [1],
      "error: standard output: the disk or the device reports an input/output error\n",
    ])
  })
})
