/** Trainings of a folder, for the page that shows them: their list, their metrics as they grow, their reports. */

import { open, readdir, realpath, stat } from "node:fs/promises"
import { join, sep } from "node:path"
import { ApiError } from "../api-error.js"

export interface Run {
  /** Its path below the folder, with "/". */
  name: string
  /** When its metrics last grew, as ISO 8601. */
  updated: string
  /** The last step that was logged. */
  steps?: number
  report: boolean
}

const METRICS = "metrics.jsonl"
const REPORT = "report.html"
const DEEPEST = 3
const MOST_RUNS = 1000
const MOST_FOLDERS = 5000
/** The last line of a log is shorter. */
const TAIL = 4096
/** Of metrics in one answer; the next begins behind it. A line is told whole: one that is longer makes its answer longer. */
const MOST_METRICS = 4 * 2 ** 20
const LONGEST_LINE = 64 * 2 ** 20
const MOST_REPORT = 64 * 2 ** 20

/** Newest first. A folder that is not there has none. */
export async function listRuns(root: string): Promise<Run[]> {
  const runs: Run[] = []
  let folders = [""]
  let seen = 0
  for (let depth = 0; depth <= DEEPEST && folders.length > 0; depth++) {
    const below: string[] = []
    for (const name of folders) {
      if (++seen > MOST_FOLDERS || runs.length >= MOST_RUNS) break
      const entries = await readdir(join(root, name), { withFileTypes: true }).catch(() => [])
      const files = new Set(entries.filter((entry) => entry.isFile()).map((entry) => entry.name))
      if (name !== "" && files.has(METRICS)) {
        // It may be gone by now.
        const run = await runAt(root, name, files.has(REPORT)).catch(() => undefined)
        if (run) runs.push(run)
      }
      for (const entry of entries)
        if (entry.isDirectory() && !entry.name.startsWith("."))
          below.push(name === "" ? entry.name : `${name}/${entry.name}`)
    }
    folders = below
  }
  return runs.sort((a, b) => b.updated.localeCompare(a.updated))
}

async function runAt(root: string, name: string, report: boolean): Promise<Run> {
  const path = join(root, name)
  const { mtime, size } = await stat(join(path, METRICS))
  const steps = lastStep(await readPiece(join(path, METRICS), Math.max(0, size - TAIL), TAIL))
  return { name, updated: mtime.toISOString(), ...(steps !== undefined && { steps }), report }
}

/** A line that is being written does not count yet. */
function lastStep(tail: Uint8Array): number | undefined {
  const lines = Buffer.from(tail).toString("utf8").split("\n")
  for (const line of lines.slice(0, -1).reverse()) {
    const step = /"step":(\d+)/.exec(line)
    if (step) return Number(step[1])
  }
  return undefined
}

/**
 * The rest of a run's metrics from a byte on, as far as lines are whole.
 * @throws ApiError for a run that is not there
 */
export async function readRunMetrics(root: string, name: string, from: number): Promise<Uint8Array> {
  const path = await fileOf(root, name, METRICS)
  for (let most = MOST_METRICS; ; most *= 2) {
    const bytes = await readPiece(path, from, most)
    const end = bytes.lastIndexOf(10) + 1
    // Who begins at the end of the line before, to see that it is the same log, must get further too.
    if (end > 1 || bytes.length < most || most >= LONGEST_LINE) return bytes.subarray(0, end)
  }
}

/** @throws ApiError for a run that is not there or has no report */
export async function readRunReport(root: string, name: string): Promise<Uint8Array> {
  return readPiece(await fileOf(root, name, REPORT), 0, MOST_REPORT)
}

const missing = (): ApiError => new ApiError(404, "there is no such training", { code: "not_found" })

/** Links are followed first: what lies outside the folder is not there. */
async function fileOf(root: string, name: string, file: string): Promise<string> {
  if (name.includes("\0")) throw missing()
  const [folder, path] = await Promise.all([realpath(root), realpath(join(root, name, file))]).catch(() => {
    throw missing()
  })
  if (!path.startsWith(folder + sep)) throw missing()
  return path
}

async function readPiece(path: string, from: number, most: number): Promise<Uint8Array> {
  const file = await open(path, "r").catch(() => {
    throw missing()
  })
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw missing()
    const length = Math.max(0, Math.min(most, stats.size - from))
    const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, from)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
