/** Runs cases in a process of their own and watches it: time, memory, death. When it ends early, another goes on behind the case. */

import { type ChildProcess, spawn } from "node:child_process"
import { cpSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import type { Job, Message } from "./cases.js"
import type { Verdict } from "./judge.js"
import { excess, usageOf } from "./watch.js"

export interface Finding {
  target: string
  number: number
  /** Its kind in a few words: "more than 10 s", "crash (SIGSEGV)", "raw wording: undefined". */
  fault: string
  /** What was done to the input. */
  what: string
  /** What was shown, or the last words of the process. */
  text: string
  /** One line that runs it again. */
  again: string
  /** Where the files of the first case with this cause are kept. */
  saved: string
}

export interface Tally {
  accepted: number
  refused: number
  findings: number
}

export interface RunOptions {
  seed: number
  targets: string[]
  /** Cases in all, by rounds over the targets. */
  cases?: number
  /** Instead: until this time. */
  until?: number
  /** Instead: this one. */
  only?: number
  /** Called for the first case of each cause. */
  onFinding?: (finding: Finding) => void
}

const root = resolve(fileURLToPath(import.meta.url), "../../..")
const POLL = 100

/** What two cases have in common when they differ in names and numbers only: the same words about the same file. */
function causeOf({ target, fault, text }: Finding): string {
  const shape = text.replaceAll(/"[^"]*"|'[^']*'|\/\S+|\d+|(.)\1{30,}/g, "#")
  // An image may have any name, a file of a model has its own.
  const file = /\/([\w.-]+\.(?:json|jsonl|yaml|safetensors|gguf))[:,]/.exec(text)?.[1]
  const kind = fault.replaceAll(/\d+/g, "#")
  return kind.startsWith("raw") ? `${target} ${kind.slice(0, 24)} ${file}` : `${target} ${kind} ${shape.slice(0, 160)}`
}

/** @returns one finding for each cause, and the numbers of cases by target */
export async function runFuzzers(options: RunOptions): Promise<{ findings: Finding[]; tallies: Map<string, Tally> }> {
  const workspace = mkdtempSync(join(tmpdir(), "fuzz-"))
  const findings = new Map<string, Finding>()
  const tallies = new Map<string, Tally>()
  const { seed, targets, until = null, only = null } = options
  const to = only === null ? (options.cases ?? null) : 1
  let from: number | undefined = 0
  try {
    while (from !== undefined && from !== to && (until === null || Date.now() < until))
      from = await runProcess({ seed, targets, from, to, until, only, workspace }, tallies, (finding, folder) => {
        if (findings.has(causeOf(finding))) return
        findings.set(causeOf(finding), finding)
        save(folder, finding)
        options.onFinding?.(finding)
      })
  } finally {
    rmSync(workspace, { recursive: true, force: true })
  }
  return { findings: [...findings.values()], tallies }
}

/** Runs a job until it ends or must be ended; gives the position to go on from, if there is one. */
async function runProcess(
  job: Job,
  tallies: Map<string, Tally>,
  report: (finding: Finding, folder: string) => void,
): Promise<number | undefined> {
  const child = start(job)
  let lastWords = ""
  child.stderr!.on("data", (chunk) => {
    lastWords = (lastWords + chunk).slice(-2000)
  })
  let current: (Extract<Message, { type: "start" }> & { cpu: number; since: number; what: string }) | undefined
  let stopped: string | undefined
  const settle = (verdict: Verdict): void => {
    if (!current) return
    const tally = tallies.get(current.target) ?? { accepted: 0, refused: 0, findings: 0 }
    tallies.set(current.target, tally)
    if (verdict.outcome !== "finding") tally[verdict.outcome]++
    else {
      tally.findings++
      const { target, number, what, folder } = current
      const again = `npm run fuzz -- --target ${target} --seed ${job.seed} --case ${number}`
      const saved = join(root, "build", "fuzz", `${target}-${job.seed}-${number}`)
      report({ target, number, what, again, saved, fault: verdict.fault ?? "", text: verdict.text ?? "" }, folder)
      rmSync(folder, { recursive: true, force: true })
    }
    current = undefined
  }
  let reached = job.from
  createInterface({ input: child.stdio[3] as Readable }).on("line", (line) => {
    const message = JSON.parse(line) as Message
    if (message.type === "start") {
      reached = message.position + 1
      current = { ...message, cpu: usageOf(child.pid!)?.cpu ?? 0, since: performance.now(), what: "" }
    } else if (message.type === "note" && current) current.what += current.what ? `; ${message.text}` : message.text
    else if (message.type === "end") settle(message.verdict)
  })
  const watch = setInterval(() => {
    if (!current || stopped) return
    stopped = excess((performance.now() - current.since) / 1000, current, usageOf(child.pid!))
    if (stopped) child.kill("SIGKILL")
  }, POLL)
  const { code, signal } = await ended(child)
  clearInterval(watch)
  if (code === 0) return undefined
  if (!current) throw new Error(`the cases could not be run (${signal ?? code}): ${lastWords}`)
  settle({
    outcome: "finding",
    fault: stopped ?? `crash (${signal ?? `exit ${code}`})`,
    text: stopped ? "" : lastWords,
  })
  return reached
}

function start(job: Job): ChildProcess {
  return spawn(process.execPath, [join(root, "test/fuzz/start.mjs"), "cases", JSON.stringify(job)], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    // Nothing goes over the network, and nothing of the user's is read.
    env: {
      ...process.env,
      HF_HUB_OFFLINE: "1",
      HF_HUB_CACHE: join(job.workspace, "cache"),
      OMP_NUM_THREADS: "1",
      GOMP_SPINCOUNT: "0",
    },
  })
}

const ended = (child: ChildProcess): Promise<{ code: number | null; signal: string | null }> =>
  new Promise((done) => child.on("close", (code, signal) => done({ code, signal })))

/** Keeps the files of a case, and what happened. */
function save(folder: string, { saved, ...rest }: Finding): void {
  rmSync(saved, { recursive: true, force: true })
  mkdirSync(saved, { recursive: true })
  const isPlain = (path: string): boolean => {
    const entry = lstatSync(path)
    return entry.isFile() || entry.isDirectory() || entry.isSymbolicLink()
  }
  cpSync(folder, saved, { recursive: true, verbatimSymlinks: true, filter: isPlain })
  writeFileSync(join(saved, "finding.txt"), Object.values(rest).join("\n"))
}
