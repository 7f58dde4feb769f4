/** The process that runs cases, one after the other, and says on descriptor 3 what it does: it may die at any time. */

import { mkdirSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { mixSeeds, randomFrom } from "../../src/data/prng.js"
import { faultOf, judgeThrown, type Verdict } from "./judge.js"
import { stepAt } from "./plan.js"
import type { Fuzzer, Target } from "./target.js"
import { targetsNamed } from "./targets/index.js"
import { isTooLarge, TOO_LARGE } from "./watch.js"

export interface Job {
  seed: number
  targets: string[]
  /** Position in the plan to start at, and the one to stop before. */
  from: number
  to: number | null
  /** No case is started after this time. */
  until: number | null
  /** One case instead of the plan. */
  only: number | null
  /** Folder for the files of the cases; those of findings are left there. */
  workspace: string
}

/** What the process says, one JSON object a line. */
export type Message =
  | { type: "start"; position: number; target: string; number: number; folder: string; rss: number }
  | { type: "note"; text: string }
  | { type: "end"; verdict: Verdict }

const say = (message: Message): void => {
  writeSync(3, `${JSON.stringify(message)}\n`)
}

/** Number of a name, for seeds. */
const numberOf = (name: string): number => mixSeeds(...[...name].map((letter) => letter.charCodeAt(0)))

/** Runs a job and ends the process: 0 when it is done, 1 when a valid input was refused or nobody listens any more. */
export async function runCases(job: Job): Promise<never> {
  try {
    await runJob(job)
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${(error as Error).stack}\n`)
    process.exit(1)
  }
}

async function runJob(job: Job): Promise<void> {
  const fuzzers = new Map<string, Promise<Fuzzer>>()
  const prepare = async (target: Target): Promise<Fuzzer> => {
    const base = join(job.workspace, target.name)
    rmSync(base, { recursive: true, force: true })
    mkdirSync(base, { recursive: true })
    return (await target.load()).prepare(base)
  }
  const targets = targetsNamed(job.targets)
  let stray: Verdict | undefined
  // What nobody waits for ends the program of a user too; a warning is seen.
  for (const event of ["uncaughtException", "unhandledRejection"] as const)
    process.on(event, (error) => {
      stray = { ...judgeThrown(error), outcome: "finding", fault: "an error that nobody waits for" }
    })
  process.on("warning", ({ message }) => {
    stray = { outcome: "finding", fault: "a warning", text: message }
  })
  for (let position = job.from; position !== job.to; position++) {
    if (job.until !== null && Date.now() >= job.until) break
    const { target, number: planned } = stepAt(targets, position)
    const number = job.only ?? planned
    if (!fuzzers.has(target.name)) fuzzers.set(target.name, prepare(target))
    const fuzzer = await fuzzers.get(target.name)!
    const folder = join(job.workspace, `case-${position}`)
    mkdirSync(folder)
    const rss = process.memoryUsage.rss()
    const peak = process.resourceUsage().maxRSS
    say({ type: "start", position, target: target.name, number, folder, rss })
    const shown: string[] = []
    let verdict: Verdict = { outcome: "accepted" }
    try {
      await fuzzer.run({
        random: randomFrom(job.seed, numberOf(target.name), number),
        folder,
        note: (text) => say({ type: "note", text }),
        shown: (text) => shown.push(text),
      })
    } catch (error) {
      verdict = judgeThrown(error)
    }
    // Promises that were left alone are rejected after the case.
    await new Promise((done) => setImmediate(done))
    if (stray) verdict = stray
    stray = undefined
    const bad = shown.find((text) => faultOf(text))
    if (verdict.outcome !== "finding" && bad !== undefined)
      verdict = { outcome: "finding", fault: faultOf(bad), text: bad.slice(0, 4096) }
    // The largest size ever: it tells of this case when it grew.
    const now = process.resourceUsage().maxRSS
    if (now > peak && isTooLarge(now * 1024 - rss)) verdict = { outcome: "finding", fault: TOO_LARGE }
    say({ type: "end", verdict })
    if (verdict.outcome !== "finding") rmSync(folder, { recursive: true, force: true })
  }
  for (const fuzzer of fuzzers.values()) await (await fuzzer).close?.()
}
