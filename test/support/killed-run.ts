/** A run that is killed again and again at moments that are drawn, until it is let through. */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Running } from "./program.js"

/** While nothing is answered yet, while answers are, while results are written. */
export const MOMENTS = ["starting", "answering", "writing"] as const
export type Moment = (typeof MOMENTS)[number]

export interface KilledRunOptions {
  /** The folder that it writes to. */
  out: string
  kills: Readonly<Record<Moment, number>>
  /** That it gives when it is let through. */
  answersOfAll: number
  /** Between 0 and 1. */
  random(): number
  /** @default it is killed; with SIGINT it may end in its own way */
  signal?: "SIGKILL" | "SIGINT"
}

/** How a program ends that was interrupted. */
const INTERRUPTED = 130

export interface KilledRun {
  /** How often it was killed, by what it was doing as far as its folder tells. */
  kills: Record<Moment, number>
  /** Lines of answers in the folder after each kill, the first lines of files included. */
  answers: number[]
}

/** Until the first answer of a run that is not disturbed, about; in milliseconds. */
const STARTING = 900
const LOOK_EVERY = 1

/**
 * @param start the same program each time
 * @throws where it ends by itself with an error
 */
export async function killedRun(
  start: () => Running,
  { out, kills, answersOfAll, random, signal = "SIGKILL" }: KilledRunOptions,
): Promise<KilledRun> {
  // Some are left for the last time.
  const between = (1.6 * answersOfAll) / (kills.answering + 1)
  const done: KilledRun = { kills: { starting: 0, answering: 0, writing: 0 }, answers: [] }
  for (const moment of MOMENTS) {
    for (let kill = 0; kill < kills[moment]; kill++) {
      const { child, result } = start()
      const before = linesIn(out)
      const after = moment === "starting" ? random() * STARTING : 1 + random() * between
      const begun = performance.now()
      const delay = random() * 20
      let due: number | undefined
      const timer = setInterval(() => {
        const now = performance.now()
        // Every second time when the first files are being made.
        if (moment === "starting" && kill % 2 === 0 && now - begun >= after) due ??= now
        if (moment === "starting" && kill % 2 === 1 && isLockedBy(out, child.pid)) due ??= now + delay
        if (moment === "answering" && linesIn(out) >= before + after) due ??= now + delay
        if (moment === "writing" && isWriting(out)) due ??= now + random() * 4
        if (due === undefined || now < due) return
        clearInterval(timer)
        child.kill(signal)
      }, LOOK_EVERY)
      const { code, err } = await result
      clearInterval(timer)
      if (code !== null && code !== INTERRUPTED) {
        if (code !== 0) throw new Error(`it ended with ${code}: ${err}`)
        continue
      }
      const now = linesIn(out)
      const while_ = moment === "writing" ? moment : now > before ? "answering" : "starting"
      done.kills[while_]++
      done.answers.push(now)
    }
  }
  const { code, err } = await start().result
  if (code !== 0) throw new Error(`it ended with ${code}: ${err}`)
  return done
}

/** Whole lines of all files of answers. */
function linesIn(out: string): number {
  const folder = join(out, "answers")
  if (!existsSync(folder)) return 0
  return readdirSync(folder).reduce(
    (sum, name) => sum + readFileSync(join(folder, name), "utf8").split("\n").length - 1,
    0,
  )
}

/** Locks of killed ones stay until the next takes them over. */
const isLockedBy = (out: string, pid: number | undefined): boolean => {
  const lock = join(out, "writer.lock")
  return existsSync(lock) && readFileSync(lock, "utf8").includes(`"pid":${pid},`)
}

const isWriting = (out: string): boolean =>
  existsSync(out) &&
  readdirSync(out, { recursive: true }).some((name) =>
    /samples_.*partial$|results\.json\..*partial$|report.*partial$|xlsx.*partial$/.test(String(name)),
  )
