/** What of training logs is drawn, and what it is called. The chart itself is that of the reports. */

import type { Series } from "../../../src/report/svg.js"
import type { MetricsLog } from "./metrics-log.js"

const NAMES: Record<string, string> = {
  loss: "loss",
  gradNorm: "gradient norm",
  learningRate: "learning rate",
  tokensPerSecond: "tokens per second",
  memoryBytes: "memory (bytes)",
  learned: "tokens learned per step",
  seconds: "training time (seconds)",
  progress: "progress",
}

/** What a metric is called; those of a model's own paradigm by the words of their key. */
export const metricName = (key: string): string =>
  NAMES[key] ?? key.replace(/([a-z])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`)

/** All metrics of some logs, the usual ones first. */
export function metricsOf(logs: readonly MetricsLog[]): string[] {
  const keys = new Set(logs.flatMap(({ values }) => [...values.keys()]))
  const usual = Object.keys(NAMES).filter((key) => keys.has(key))
  return [...usual, ...[...keys].filter((key) => !(key in NAMES)).sort()]
}

/** One line for each training that has the metric. */
export function seriesOf(logs: readonly { name: string; log: MetricsLog }[], metric: string): Series[] {
  return logs.map(({ name, log }) => {
    const values = log.values.get(metric) ?? []
    return { name, line: values.map((y, i) => ({ x: log.steps[i], y })) }
  })
}

/** A number for a table: four digits, or powers of ten. */
export function shown(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–"
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString("en")
  const small = Math.abs(value) < 1e-3 || Math.abs(value) >= 1e9
  return small
    ? value.toExponential(2)
    : Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 6 })
}

/** "3 minutes ago" */
export function ago(updated: number | string, now: number): string {
  const seconds = Math.max(0, (now - new Date(updated).getTime()) / 1000)
  if (Number.isNaN(seconds)) return ""
  if (seconds < 60) return "just now"
  const [count, unit] =
    seconds < 5400 ? [seconds / 60, "minute"] : seconds < 129_600 ? [seconds / 3600, "hour"] : [seconds / 86_400, "day"]
  const whole = Math.round(count as number)
  return `${whole} ${unit}${whole === 1 ? "" : "s"} ago`
}
