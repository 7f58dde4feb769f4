/** What is printed when a run ends: lmms-eval's table, and how sure the scores are. */

import { counted } from "../../readable.js"
import type { RunRecord } from "../run/run-record.js"
import { pythonRound } from "../task/python-number.js"
import type { ExplainedTally, MetricResult, Tally, TaskResult } from "./task-result.js"

/** The line above lmms-eval's table. */
export function runLine({ model, given, limit, shots }: RunRecord): string {
  const options = Object.keys(given).length > 0 ? JSON.stringify(given) : ""
  return `diffusionvl (pretrained=${model.name}), gen_kwargs: (${options}), limit: ${limit ?? "None"}, num_fewshot: ${shots ?? "None"}, batch_size: 1`
}

const HEAD = ["Tasks", "Version", "Filter", "n-shot", "Metric", "", "Value", "", "Stderr"]
const RIGHT = [3, 6]

/** lmms-eval's Markdown table: metrics sorted by their keys, values as they are in the results. */
export function markdownTable(tasks: readonly TaskResult[]): string {
  const rows = tasks.flatMap((task) => {
    const metrics = task.metrics.filter(({ value }) => value !== null)
    metrics.sort((a, b) => (a.name < b.name ? -1 : 1))
    return metrics.map((metric, i) => {
      const first = i === 0 ? [task.task, versionText(task.version)] : ["", ""]
      const arrow = metric.higherIsBetter ? "↑" : "↓"
      const error = metric.standardError === undefined ? "N/A" : fourDecimals(metric.standardError)
      return [
        ...first,
        task.filter,
        String(task.shots ?? 0),
        metric.name,
        arrow,
        fourDecimals(metric.value!),
        "±",
        error,
      ]
    })
  })
  const widths = HEAD.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column].length)))
  const line = (cells: readonly string[]): string =>
    `|${cells.map((cell, i) => (RIGHT.includes(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join("|")}|`
  const rule = widths.map((width, i) => (RIGHT.includes(i) ? `${"-".repeat(width - 1)}:` : "-".repeat(width)))
  return [line(HEAD), `|${rule.join("|")}|`, ...rows.map(line)].join("\n")
}

/** As Python formats: of 0.03125 the even 0.0312. */
const fourDecimals = (value: number): string => pythonRound(value, 4).toFixed(4)

/** As Python shows numbers: 0.0. */
const versionText = (version: number | string): string =>
  typeof version === "number" && Number.isInteger(version) ? version.toFixed(1) : String(version)

/** A score as the paper prints it; a negative one with a true minus. */
export const scoreText = (value: number, { scale }: Pick<MetricResult, "scale">): string => {
  const scaled = value * scale
  return scaled
    .toFixed(Math.abs(scaled) >= 1000 ? 0 : scale === 1 && scaled !== 0 && Math.abs(scaled) < 2 ? 4 : 1)
    .replace("-", "−")
}

export const intervalText = ({ certainty, ...metric }: MetricResult): string =>
  certainty ? `${scoreText(certainty.interval.low, metric)} to ${scoreText(certainty.interval.high, metric)}` : "–"

/** A table of scores as the paper prints them, with their 95 % intervals; the first row is its head. Why there is none says `problemsOf`. */
export function scoreRows(tasks: readonly TaskResult[]): string[][] {
  const rows = tasks.flatMap((task) =>
    task.metrics
      .filter(({ value, problem }) => value !== null || problem !== undefined)
      .map((metric) => [
        task.task,
        metric.name,
        metric.value === null ? "–" : scoreText(metric.value, metric),
        metric.value === null ? "–" : intervalText(metric),
        String(metric.documents),
      ]),
  )
  return [["task", "metric", "score", "95 % interval", "documents"], ...rows]
}

/** What passes by itself is asked again anyway, what is wrong with documents only when it is said. */
function howToRetry({ count, transient }: TaskResult["failed"], retried: boolean): string {
  if (retried) return transient === 0 ? "" : "; the same command asks them again"
  if (transient === 0) return "; --retry-failed asks them again"
  const which = transient === count ? "asks them again" : `asks ${transient} of them again, with --retry-failed all`
  return `; the same command ${which}`
}

/** What has no value, and why; each sentence once. */
export function problemsOf(tasks: readonly TaskResult[]): string[] {
  const problems = tasks.flatMap(({ title, metrics }) =>
    [...new Set(metrics.flatMap(({ problem }) => problem ?? []))].map((problem) => {
      const names = metrics.filter((metric) => metric.problem === problem).map(({ name }) => name)
      return `${title}, ${names.join(", ")}: ${problem}.`
    }),
  )
  return problems
}

/**
 * Sentences about what was counted as wrong, or left out.
 * @param retried documents that failed were asked again just now: it is not advised
 */
export function notesOf(tasks: readonly TaskResult[], { retried = false } = {}): string[] {
  return tasks.flatMap((result) => {
    const { task, likelihood, unread, failed, unscored, unchecked, missing } = result
    const { effective } = result.documents
    const note = (tally: Tally, what: string): string[] => (tally.count > 0 ? [`${task}: ${what}`] : [])
    const reason = ({ why, ...tally }: ExplainedTally): string => `(${named(tally)}): ${why[0]}`
    return [
      ...(typeof likelihood === "object"
        ? [`${task}: likelihoods are bounds, estimated from ${likelihood.samples} samples (seed ${likelihood.seed})`]
        : []),
      ...note(unread, `${unread.count} of ${effective} answers could not be read (documents ${named(unread)})`),
      ...note(
        failed,
        `${failed.count} of ${effective} documents failed and count as wrong ${reason(failed)}${howToRetry(failed, retried)}`,
      ),
      ...note(unscored, `left out ${counted(unscored.count, "document")} that cannot be scored ${reason(unscored)}`),
      ...(unchecked
        ? [`${task}: ${unchecked.count} of ${effective} documents (${named(unchecked)}) ${unchecked.why[0]}`]
        : []),
      ...note(missing, `left out ${counted(missing.count, "document")} without an answer (${named(missing)})`),
    ]
  })
}

const named = ({ count, first }: Tally): string => `${first.join(", ")}${count > first.length ? ", …" : ""}`
