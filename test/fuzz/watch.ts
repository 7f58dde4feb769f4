/** What a process takes: from /proc where there is one. */

import { readFileSync } from "node:fs"

export interface Usage {
  /** Resident bytes. */
  rss: number
  /** Seconds of processor time since its start. */
  cpu: number
}

const TICKS = 100
const PAGE = 4096

export function usageOf(pid: number): Usage | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ")
    return { rss: Number(fields[21]) * PAGE, cpu: (Number(fields[11]) + Number(fields[12])) / TICKS }
  } catch {
    return undefined
  }
}

const GIGABYTE = 2 ** 30
const SECONDS = 10
export const TOO_LARGE = "more than 1 GB"
const TOO_LONG = "more than 10 s"

export const isTooLarge = (growth: number): boolean => growth > GIGABYTE

/**
 * Why a case is stopped: over 1 GB, or over 10 s. On a machine that is busy with other things, waiting for a turn is not
 * counted: only its own 10 s, or 10 s in which it did nothing.
 */
export function excess(
  seconds: number,
  start: { rss: number; cpu: number },
  now: Usage | undefined,
): string | undefined {
  if (!now) return seconds > SECONDS ? TOO_LONG : undefined
  if (isTooLarge(now.rss - start.rss)) return TOO_LARGE
  const busy = now.cpu - start.cpu
  const idle = busy < seconds / 50
  return seconds > SECONDS && (busy > SECONDS || idle || seconds > 12 * SECONDS) ? TOO_LONG : undefined
}
