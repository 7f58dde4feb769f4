/** Training runs, and the logs of those that are shown, kept up to date while somebody looks. */

import { signal } from "@preact/signals"
import { type Access, listRuns, readMetrics } from "../protocol/client.js"
import type { RunEntry } from "../protocol/contract.js"
import { type Problem, problemOf } from "../protocol/problem.js"
import { MetricsLog } from "../training/metrics-log.js"
import { apiKey } from "./models.js"

export const runs = signal<readonly RunEntry[] | undefined>(undefined)
export const runsProblem = signal<Problem | undefined>(undefined)
/** Names of the runs that are shown; undefined until the reader or the page chose. */
export const shownRuns = signal<readonly string[] | undefined>(undefined)
/** A new map whenever a log has grown. */
export const logs = signal<ReadonlyMap<string, MetricsLog>>(new Map())

/** So many lines of a chart have a colour of their own. */
export const MOST_RUNS = 6
const PAUSE = 2000

let drawn = ""

/** Asks again and again until the returned function is called; not while the page is hidden. */
export function watchRuns(): () => void {
  let watching = true
  const aborter = new AbortController()
  const look = async () => {
    if (!document.hidden) await update(aborter.signal)
    if (watching) setTimeout(look, PAUSE)
  }
  look()
  return () => {
    watching = false
    aborter.abort()
  }
}

async function update(signal: AbortSignal): Promise<void> {
  const access = { key: apiKey.peek(), signal }
  try {
    runs.value = await listRuns(access)
    shownRuns.value ??= runs.value.slice(0, 1).map(({ name }) => name)
    const read = await Promise.all(shownRuns.value.map(async (name) => [name, await grown(name, access)] as const))
    // Logs grow in place: what was read of them tells whether there is anything new to draw.
    const state = read.map(([name, { from }]) => `${name} ${from}`).join("\n")
    if (state !== drawn) logs.value = new Map(read)
    drawn = state
    runsProblem.value = undefined
  } catch (error) {
    if (!signal.aborted) runsProblem.value = problemOf(error)
  }
}

/** The log with what was written since it was read last. */
async function grown(name: string, access: Access): Promise<MetricsLog> {
  const log = logs.peek().get(name) ?? new MetricsLog()
  if (log.push(await readMetrics(name, log.from, access))) return log
  // A resumed training writes its steps anew.
  const anew = new MetricsLog()
  anew.push(await readMetrics(name, 0, access))
  return anew
}
