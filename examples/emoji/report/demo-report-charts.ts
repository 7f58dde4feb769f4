/** The charts of the demo's report: quality against speed, scores side by side, training curves. */

import type { Html } from "../../../src/report/html.js"
import { barChart, type Series, xyChart } from "../../../src/report/svg.js"
import { type DemoReportData, type Evaluation, evaluationsOf } from "./demo-report-data.js"
import { CHOICE_GREEDY, FORWARDS, NAMING, SPEED, TOKEN_F1 } from "./demo-report-tables.js"

const PARTS = ["main", "remasking", "threshold", "steps", "block-size"] as const

/**
 * One point per way of decoding, one kind of mark per model, thresholds joined by a line: quality on naming and descriptions against forwards per
 * token, which no machine changes, and against tokens per second on this one.
 */
export function speedQualityCharts(data: DemoReportData, set: string): Html[] {
  return [
    { quality: TOKEN_F1, speed: FORWARDS, log: false },
    { quality: NAMING, speed: FORWARDS, log: false },
    { quality: TOKEN_F1, speed: SPEED, log: true },
    { quality: NAMING, speed: SPEED, log: true },
  ].map(({ quality, speed, log }) => {
    const series: Series[] = data.models.map((model) => {
      const points = evaluationsOf(data, set, ...PARTS)
        .filter((entry) => entry.model === model)
        .map(({ evaluation }) => ({
          x: speed.read(evaluation) ?? Number.NaN,
          y: (quality.read(evaluation) ?? Number.NaN) * 100,
          label: pointText(evaluation),
          part: evaluation.part,
        }))
      const thresholds = points.filter(({ part }) => part === "threshold")
      return { name: model.title, points: distinct(points), line: thresholds }
    })
    const title = `${quality.title[0].toUpperCase()}${quality.title.slice(1)}, against ${speed.title}`
    const speedLabel = `${speed.title}, descriptions${speed === FORWARDS ? " (less is faster)" : ""}`
    return xyChart({
      title,
      x: speed === FORWARDS ? { label: speedLabel, from: 0 } : { label: speedLabel, log },
      y: { label: "%", within: [0, 100] },
      series,
    })
  })
}

/** The main scores of every model on every set. */
export function scoreCharts(data: DemoReportData): Html[] {
  return data.sets.map(({ id, title }) =>
    barChart({
      title,
      y: { label: "%", from: 0, to: 100 },
      groups: ["naming", "choice, greedy", "description F1"],
      series: evaluationsOf(data, id, "main").map(({ model, evaluation }) => ({
        name: model.title,
        values: [NAMING, CHOICE_GREEDY, TOKEN_F1].map(({ read }) => {
          const share = read(evaluation)
          return share === undefined ? undefined : Math.round(share * 1000) / 10
        }),
      })),
    }),
  )
}

export function curveCharts({ curves }: DemoReportData): Html[] {
  return curves.map(({ title, xLabel = "minutes", yLabel, series }) =>
    xyChart({
      title,
      x: { label: xLabel, from: 0 },
      y: { label: yLabel, log: series.every(({ points }) => points.every(([, y]) => y > 0)) },
      series: series.map(({ name, points }) => ({ name, line: points.map(([x, y]) => ({ x, y })) })),
    }),
  )
}

/** B 8 = block size, t 0.9 = threshold, s 4 = steps, lc = low confidence. */
function pointText({ decoding, part }: Evaluation): string {
  if (!decoding) return ""
  const { blockSize, steps, threshold } = decoding
  const rest = threshold === undefined ? `s ${steps}` : `t ${threshold}`
  if (part === "remasking") return `${rest}, lc`
  return part === "block-size" ? `B ${blockSize}, ${rest}` : rest
}

/** The main evaluation can be a row of a sweep too: one mark is enough. */
function distinct<T extends { x: number; y: number }>(points: T[]): T[] {
  return points.filter((point, i) => points.findIndex((other) => other.x === point.x && other.y === point.y) === i)
}
