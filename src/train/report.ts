/** The report of one training: its curves and settings as a self-contained page. */

import { join } from "node:path"
import { stringify } from "yaml"
import { html, page, preformatted, section } from "../report/html.js"
import { xyChart } from "../report/svg.js"
import type { TrainingConfig } from "./config.js"
import { readMetrics, type StepMetrics } from "./metrics.js"

export function renderTrainingReport(config: TrainingConfig): string {
  const metrics = readMetrics(join(config.output, "metrics.jsonl"))
  const last = metrics[metrics.length - 1]
  const points = (value: (entry: StepMetrics) => number): [number, number][] =>
    metrics.map((entry) => [entry.step, value(entry)])
  const chart = (title: string, value: (entry: StepMetrics) => number) =>
    xyChart({
      title,
      x: { label: "step" },
      y: { label: title },
      series: [{ name: title, line: points(value).map(([x, y]) => ({ x, y })) }],
    })
  const summary = last
    ? html`<p>${last.step + 1} steps in ${(last.seconds / 60).toFixed(1)} minutes, ${last.tokensPerSecond.toFixed(0)} tokens/s at the end.</p>`
    : html`<p>No steps were logged.</p>`
  return page(
    `${config.model}, ${config.paradigm}`,
    section(
      "Training",
      summary,
      chart("loss", ({ loss }) => loss),
      chart("gradient norm", ({ gradNorm }) => gradNorm),
      chart("learning rate", ({ learningRate }) => learningRate),
    ),
    section("Settings", preformatted(stringify(config))),
  )
}
