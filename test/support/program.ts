/** The program as people run it, in a process of its own. */

import { type ChildProcess, spawn } from "node:child_process"
import { resolve } from "node:path"

export const program = resolve(import.meta.dirname, "../../bin/diffusionvl.mjs")

export interface Result {
  code: number | null
  out: string
  err: string
}

export interface Running {
  child: ChildProcess
  result: Promise<Result>
}

/** Starts the program in a folder. */
export function start(cwd: string, args: readonly string[], input = ""): Running {
  return collect(spawn(process.execPath, [program, ...args], { cwd }), input)
}

/** What a process prints, and its exit code. */
export function collect(child: ChildProcess, input = ""): Running {
  const result: Result = { code: null, out: "", err: "" }
  child.stdout!.on("data", (text) => (result.out += text))
  child.stderr!.on("data", (text) => (result.err += text))
  child.stdin!.on("error", () => {})
  child.stdin!.end(input)
  return { child, result: new Promise((done) => child.on("close", (code) => done({ ...result, code }))) }
}
