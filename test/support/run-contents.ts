/**
 * A run's folder as what it says: two runs of the same are equal in everything but what the clock decides, which is named here, and in the last
 * bits of log-likelihoods: float32 sums depend on what was computed beside them, and on what of a prompt was known from before.
 */

import { readdirSync, readFileSync } from "node:fs"
import { basename, join, relative } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { unzipSync } from "fflate"

/** Places in files by their kind; `*` is every key. */
const CLOCK = {
  run: ["started", "ended"],
  answer: ["seconds"],
  results: [
    ...["date", "start_time", "end_time", "total_evaluation_time_seconds"],
    ...["diffusionvl.run.started", "diffusionvl.run.ended"],
    ...["diffusionvl.tasks.*.speed.seconds", "diffusionvl.tasks.*.speed.tokensPerSecond"],
  ],
}
/** Columns of the report's table of speeds: time, and tokens a second. */
const CLOCK_COLUMNS = [3, 4]
/** Results and samples are called by when the run began. */
const DATE = /^\d{8}_\d{6}/

const ROUNDED = "logLikelihood"
/** Of float32, relative. */
const ROUNDING = 1e-6

/** Names of files that differ, or that only one of them has. */
export function runDifferences(one: string, other: string): string[] {
  const [a, b] = [runContents(one), runContents(other)]
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => !isSame(a[name], b[name]))
}

function isSame(a: unknown, b: unknown, key?: string): boolean {
  if (key === ROUNDED && typeof a === "number" && typeof b === "number")
    return Math.abs(a - b) <= ROUNDING * Math.abs(a)
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b)
  const [inA, inB] = [a, b].map((value) => value as Record<string, unknown>)
  const keys = Object.keys(inA)
  return isDeepStrictEqual(keys, Object.keys(inB)) && keys.every((key) => isSame(inA[key], inB[key], key))
}

/** Every file by its name, hidden ones too. Answers are in the order of the documents: they are kept as they become known. */
export function runContents(folder: string): Record<string, unknown> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const named = files.map(({ parentPath, name }) => {
    const path = join(parentPath, name)
    const shown = join(relative(folder, parentPath), name.replace(DATE, "DATE"))
    return [shown, contentOf(path)] as const
  })
  return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function contentOf(path: string): unknown {
  const name = basename(path)
  if (name.endsWith(".xlsx"))
    return Object.fromEntries(
      Object.entries(unzipSync(new Uint8Array(readFileSync(path)))).map(([part, bytes]) => [
        part,
        Buffer.from(bytes).toString(),
      ]),
    )
  const text = readFileSync(path, "utf8")
  if (name === "run.json") return without(JSON.parse(text), CLOCK.run)
  if (name.endsWith("_results.json") && DATE.test(name)) return without(JSON.parse(text), CLOCK.results)
  if (name === "report.html") return withoutSpeeds(text)
  return /[/\\]answers[/\\][^/\\]*\.jsonl$/.test(path) ? answersOf(text) : text
}

function answersOf(text: string): unknown[] {
  const [about, ...answers] = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { index: number })
  return [about, ...answers.sort((a, b) => a.index - b.index).map((answer) => without(answer, CLOCK.answer))]
}

function without(value: unknown, places: readonly string[]): unknown {
  for (const place of places) {
    let within = [value as Record<string, unknown>]
    const keys = place.split(".")
    for (const key of keys.slice(0, -1))
      within = within.flatMap((each) => (key === "*" ? Object.values(each) : [each[key]])) as typeof within
    for (const each of within) delete each[keys.at(-1)!]
  }
  return value
}

function withoutSpeeds(html: string): string {
  return html.replace(/<section id="speed">.*?<\/section>/s, (speed) =>
    speed.replace(/<tr><th scope="row">.*?<\/tr>/gs, (row) => {
      let column = 0
      return row.replace(/<td[^>]*>.*?<\/td>/gs, (cell) => (CLOCK_COLUMNS.includes(++column) ? "" : cell))
    }),
  )
}
