/** The report of a training, of one stage or several: what was learned, curves and settings as a self-contained page. */

import { join } from "node:path"
import { stringify } from "yaml"
import { type Html, html, page, preformatted, section, table } from "../report/html.js"
import { xyChart } from "../report/svg.js"
import type { TrainingConfig } from "./config.js"
import { readMetrics, type StepMetrics } from "./metrics.js"
import type { TrainingPlan } from "./plan.js"
import type { StageOutcome } from "./run-plan.js"

export function renderTrainingReport(config: TrainingConfig): string {
  const metrics = metricsOf(config)
  return page(
    `${config.model}, ${config.paradigm}`,
    section("Training", summaryOf(metrics), chartsOf(metrics)),
    section("Settings", preformatted(stringify(config))),
  )
}

/** One page for all stages of a plan. */
export function renderPlanReport({ stages }: TrainingPlan, outcomes: readonly StageOutcome[]): string {
  const [{ config: first }] = stages
  const { config: last } = stages[stages.length - 1]
  const tower = first.vision ? ` + ${first.vision.tower} (${first.vision.connector})` : ""
  const seconds = outcomes.reduce((sum, outcome) => sum + outcome.seconds, 0)
  return page(
    `${first.model}${tower}, ${last.paradigm}`,
    section(
      "Stages",
      html`<p>${stages.length} stages in ${(seconds / 60).toFixed(1)} minutes of training.</p>`,
      table(
        [
          { title: "stage" },
          { title: "paradigm" },
          { title: "learned" },
          { title: "weights", number: true },
          { title: "samples", number: true },
          { title: "steps", number: true },
          { title: "first loss", number: true },
          { title: "last loss", number: true },
          { title: "minutes", number: true },
        ],
        outcomes.map(({ stage: { name, config }, parameters, samples, seconds }, i) => {
          const metrics = metricsOf(config)
          const loss = (entry?: StepMetrics): string => entry?.loss.toFixed(3) ?? "–"
          return [
            `${i + 1} · ${name}`,
            config.paradigm,
            learnedIn(config),
            parameters.toLocaleString("en"),
            samples.toLocaleString("en"),
            metrics.length === 0 ? "–" : metrics[metrics.length - 1].step + 1,
            loss(metrics[0]),
            loss(metrics[metrics.length - 1]),
            (seconds / 60).toFixed(1),
          ]
        }),
      ),
    ),
    ...stages.map(({ name, config }, i) => {
      const metrics = metricsOf(config)
      return section(`Stage ${i + 1}: ${name}`, summaryOf(metrics), chartsOf(metrics), preformatted(stringify(config)))
    }),
  )
}

const metricsOf = ({ output }: TrainingConfig): StepMetrics[] => readMetrics(join(output, "metrics.jsonl"))

function learnedIn({ lora, train }: TrainingConfig): string {
  const parts = train.tunable.map((part) => (part === "projector" ? "connector" : part)).join(", ")
  return lora ? `adapters of rank ${lora.rank} on ${parts}` : parts
}

function summaryOf(metrics: readonly StepMetrics[]): Html {
  const last = metrics[metrics.length - 1]
  return last
    ? html`<p>${last.step + 1} steps in ${(last.seconds / 60).toFixed(1)} minutes, ${last.tokensPerSecond.toFixed(0)} tokens/s at the end.</p>`
    : html`<p>No steps were logged.</p>`
}

function chartsOf(metrics: readonly StepMetrics[]): Html[] {
  const chart = (title: string, value: (entry: StepMetrics) => number): Html =>
    xyChart({
      title,
      x: { label: "step" },
      y: { label: title },
      series: [{ name: title, line: metrics.map((entry) => ({ x: entry.step, y: value(entry) })) }],
    })
  return [
    chart("loss", ({ loss }) => loss),
    chart("gradient norm", ({ gradNorm }) => gradNorm),
    chart("learning rate", ({ learningRate }) => learningRate),
  ]
}
