// Runs another program without freezing this one, and gives back what it printed.

import { spawn } from "node:child_process"
import { onExit } from "./on-exit.mjs"

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, onLine?: (line: string) => void }} [options]
 * @returns {Promise<{ code: number, output: string, missing: boolean }>} `missing`: there is no such program
 */
export function run(command, args, { cwd, env = process.env, onLine } = {}) {
  return new Promise((resolve) => {
    // A process group of its own: python3 may be a shell script (pyenv), whose children must end with it.
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true })
    const forget = onExit(() => child.pid && process.kill(-child.pid, "SIGTERM"))
    let output = ""
    let rest = ""
    const read = (chunk) => {
      output += chunk
      if (!onLine) return
      const lines = (rest + chunk).split(/\r?\n|\r/)
      rest = lines.pop()
      for (const line of lines) onLine(line)
    }
    child.stdout.setEncoding("utf8").on("data", read)
    child.stderr.setEncoding("utf8").on("data", read)
    child.on("error", (error) => {
      forget()
      resolve({ code: 127, output: error.message, missing: error.code === "ENOENT" || error.code === "EACCES" })
    })
    child.on("close", (code, signal) => {
      forget()
      resolve({ code: code ?? (signal ? 128 : 1), output, missing: false })
    })
  })
}

/** The last lines of a program's output, for an error message. */
export function tail(output, lines = 12) {
  return output.trimEnd().split("\n").slice(-lines).join("\n")
}
