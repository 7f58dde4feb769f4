/** How a command line ends: exit codes, error sentences, Ctrl-C; and that help stays quick. */

import { EventEmitter } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { Command } from "commander"
import { describe, expect, it } from "vitest"
import { type Commands, createProgram, main } from "../../src/cli/main.js"
import { collect, numberBetween, wholeNumber } from "../../src/cli/options.js"
import { Interrupted, reportError } from "../../src/cli/process/errors.js"
import { interruptible, type Signals } from "../../src/cli/process/interrupt.js"
import { UserError } from "../../src/errors.js"
import { printedByTest } from "../support/printed.js"

describe("main", () => {
  const printed = printedByTest()
  const run = async (...args: string[]) => {
    await main(["node", "diffusionvl", ...args])
    const code = process.exitCode
    process.exitCode = undefined
    return { code, printed: printed() }
  }

  it("prints help and version with code 0", async () => {
    expect(await run("--help")).toMatchObject({ code: 0, printed: expect.stringContaining("doctor") })
    expect(await run("--version")).toMatchObject({ code: 0, printed: expect.stringMatching(/\d+\.\d+\.\d+/) })
    expect(await run("doctor", "--help")).toMatchObject({ code: 0, printed: expect.stringContaining("--json") })
  })

  it("ends wrong usage with code 2 and says what was meant", async () => {
    expect(await run("doctr")).toMatchObject({ code: 2, printed: expect.stringContaining("Did you mean doctor?") })
    expect(await run("doctor", "--jsn")).toMatchObject({ code: 2, printed: expect.stringContaining("--json") })
  })

  it.each([
    ["train", "r.yaml", "--out"],
    ["translate", "--recipe", "r.yaml", "--out"],
    ["convert", "m", "--out"],
    ["data", "check", "d.json", "--image-root"],
  ])("%s takes no folder without a name, and none that is an address", async (...command) => {
    for (const name of ["", " "])
      expect(await run(...command, name)).toMatchObject({ code: 2, printed: expect.stringContaining("not empty") })
    expect(await run(...command, "https://x.org/y")).toMatchObject({
      code: 2,
      printed: expect.stringContaining(
        "The folder is given as an https: URL. Give the path of a folder on this machine.",
      ),
    })
    expect((await run(...command, "file:///tmp/x")).printed).toContain("Give the path, without file:// (/tmp/x).")
  })

  it.each(["demo", "fixtures"])("says that %s is a script of the repository", async (name) => {
    const { code, printed } = await run(name, "--out", "x", "y")
    expect(code).toBe(1)
    expect(printed).toContain(`npm run ${name}`)
    expect((await run("--help")).printed).not.toContain(`  ${name}`)
  })

  it("runs a script of the repository as a program of its own", async () => {
    const seen: object[] = []
    const register = (program: Command) =>
      program
        .description("walks")
        .option("--far <n>", "", wholeNumber(1))
        .action((options) => void seen.push(options))
    const script: Commands = { name: "npm run walk --", register: [register], writesFiles: [] }
    await main(["node", "file"], undefined, script)
    await main(["node", "file", "--far", "2"], undefined, script)
    expect(seen).toEqual([{}, { far: 2 }])
    await main(["node", "file", "--fa", "2"], undefined, script)
    expect(process.exitCode).toBe(2)
    expect(printed()).toContain("(npm run walk -- --help lists its options)")
    await main(["node", "file", "--help"], undefined, script)
    expect(printed()).toContain("Usage: npm run walk -- [options]\n\nwalks\n")
    expect(printed()).toContain("--far <n>")
    await main(["node", "file", "far"], undefined, script)
    expect(process.exitCode).toBe(2)
  })

  it("names every command once", () => {
    const names = createProgram().commands.map((command) => command.name())
    expect(names.length).toBeGreaterThan(5)
    expect(new Set(names).size).toBe(names.length)
  })
})

describe("commands", () => {
  it("import nothing heavy before they run, so that help is quick", () => {
    const folder = resolve(import.meta.dirname, "../../src/cli/commands")
    const files = readdirSync(folder).filter((file) => file.endsWith(".ts"))
    expect(files.length).toBeGreaterThan(3)
    for (const name of files) {
      const source = readFileSync(join(folder, name), "utf8")
      const imports = [...source.matchAll(/^import (?!type)[^"]*"([^"]+)"/gm)].map((match) => match[1])
      const light = ["commander", "../options.js", "../../errors.js", "../../paradigms/likelihood/bound.js"]
      // Those beside it are looked at themselves.
      expect(
        imports.filter((target) => !light.includes(target) && !target.startsWith("./")),
        name,
      ).toEqual([])
    }
  })
})

describe("reportError", () => {
  const report = (error: unknown, debug = false) => {
    let text = ""
    const code = reportError(error, { debug, stream: { write: (piece) => (text += piece) } })
    return { code, text }
  }

  it("prints a user's error as sentences, without a stack", () => {
    const error = new UserError("no such file", { where: "cat.jpg", fix: "check the path" })
    expect(report(error)).toEqual({ code: 1, text: "error: cat.jpg: no such file\n  check the path\n" })
  })

  it("says that anything else is a bug, and where with --debug", () => {
    const quiet = report(new TypeError("x is undefined"))
    expect(quiet.text).toContain("internal: x is undefined")
    expect(quiet.text).toContain("diffusionvl doctor")
    expect(quiet.text).not.toContain("main.test.ts")
    const loud = report(new Error("outer", { cause: new Error("inner") }), true)
    expect(loud.text).toContain("main.test.ts")
    expect(loud.text).toContain("caused by: Error: inner")
    expect(report("a string").text).toContain("internal: a string")
  })

  it("takes failures of files and disks for what they are: no bug", () => {
    const { text } = report(
      Object.assign(new Error("ENOSPC: no space"), { code: "ENOSPC", syscall: "write", path: "/a" }),
    )
    expect(text).toBe("error: /a: the disk is full\n")
    const unknown = Object.assign(new Error("EWHAT: x"), { code: "EWHAT", syscall: "open" })
    expect(report(unknown).text).toContain("internal: EWHAT")
  })

  it("ends an interrupted job with 130 and no words", () => {
    expect(report(new Interrupted())).toEqual({ code: 130, text: "" })
  })
})

describe("interruptible", () => {
  const fake = () => {
    const exits: number[] = []
    const emitter = new EventEmitter()
    const signals = Object.assign(emitter, { exit: (code: number) => exits.push(code), stderr: { write: () => true } })
    return { signals: signals as unknown as Signals, emitter, exits }
  }
  const aborted = (signal: AbortSignal) => new Promise<void>((done) => signal.addEventListener("abort", () => done()))

  it("passes results and errors through and leaves no listener", async () => {
    const { signals, emitter } = fake()
    expect(await interruptible(async () => 7, signals)).toBe(7)
    await expect(interruptible(async () => Promise.reject(new UserError("bad")), signals)).rejects.toThrow("bad")
    expect(emitter.listenerCount("SIGINT") + emitter.listenerCount("SIGTERM")).toBe(0)
  })

  it("asks the job to stop, lets it finish its checkpoint, then reports the interruption", async () => {
    const { signals, emitter, exits } = fake()
    let saved = false
    const job = interruptible(async (signal) => {
      await aborted(signal)
      saved = true
    }, signals)
    emitter.emit("SIGINT")
    await expect(job).rejects.toBeInstanceOf(Interrupted)
    expect(saved).toBe(true)
    expect(exits).toEqual([])
  })

  it("takes an abort error of a library for the interruption, and a real error for an error", async () => {
    const { signals, emitter } = fake()
    const job = interruptible(async (signal) => {
      await aborted(signal)
      throw new DOMException("aborted", "AbortError")
    }, signals)
    emitter.emit("SIGTERM")
    await expect(job).rejects.toBeInstanceOf(Interrupted)
    const failing = interruptible(async (signal) => {
      await aborted(signal)
      throw new UserError("the disk is full")
    }, signals)
    emitter.emit("SIGINT")
    await expect(failing).rejects.toThrow("the disk is full")
  })

  it("quits at the second Ctrl-C", async () => {
    const { signals, emitter, exits } = fake()
    let finish = () => {}
    const job = interruptible(() => new Promise<void>((done) => (finish = done)), signals)
    emitter.emit("SIGINT")
    emitter.emit("SIGINT")
    expect(exits).toEqual([130])
    finish()
    await expect(job).rejects.toBeInstanceOf(Interrupted)
  })
})

describe("option values", () => {
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .option("--steps <n>", "", wholeNumber(1))
    .option("--rounds <n>", "", wholeNumber(1, 100))
    .option("--threshold <p>", "", numberBetween(0, 1))
    .option("--image <file>", "", collect)
  const parse = (...args: string[]) => program.parse(args, { from: "user" }).opts()

  it("are parsed", () => {
    expect(parse("--steps", "8", "--threshold", "0.9", "--image", "a", "--image", "b")).toEqual({
      steps: 8,
      threshold: 0.9,
      image: ["a", "b"],
    })
  })

  it.each([
    ["--steps", "0"],
    ["--steps", "1.5"],
    ["--steps", "many"],
    ["--threshold", "2"],
    ["--threshold", ""],
    ["--threshold", "1e999"],
    ["--threshold", "-1e-300"],
  ])("refuse %s %s", (option, value) => {
    expect(() => parse(option, value)).toThrow(new RegExp(option))
  })

  it.each([
    ["1e9", "at least 1, written in digits: 1000000000."],
    ["0x10", "at least 1, written in digits: 16."],
    ["8.0", "at least 1, written in digits: 8."],
    ["1_000", "at least 1, written in digits."],
    ["1e30", "at least 1 and at most 9007199254740991, written in digits."],
    ["Infinity", "at least 1 and at most 9007199254740991, written in digits."],
    ["99999999999999999999", "at least 1 and at most 9007199254740991."],
    ["-8", "at least 1."],
    ["", "at least 1, written in digits."],
  ])("a whole number %j: %s", (value, must) => {
    expect(() => parse("--steps", value)).toThrow(`It must be a whole number of ${must}`)
  })

  it.each(["101", "1e2", "9007199254740991"])("with a limit of its own, %s", (value) => {
    expect(() => parse("--rounds", value)).toThrow("It must be a whole number of at least 1 and at most 100")
  })
})
