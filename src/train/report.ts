/** The report of a training, of one stage or several: what was learned, curves and settings as a self-contained page. */

import { join } from "node:path"
import { stringify } from "yaml"
import { sectionKey } from "../paradigms/paradigm.js"
import { paradigmNamed, paradigms } from "../paradigms/registry.js"
import { formatDuration, modelTitle } from "../readable.js"
import { type Column, details, type Html, html, page, preformatted, section, table } from "../report/html.js"
import { whole } from "../report/numbers.js"
import { spreadOf } from "../report/spread.js"
import { xyChart } from "../report/svg.js"
import { readMetrics, type StepMetrics } from "./metrics.js"
import type { TrainingConfig } from "./recipe/config.js"
import type { Stage, TrainingPlan } from "./recipe/plan.js"
import type { StageOutcome } from "./run/run-plan.js"

/** A stage with what it logged. */
interface Logged extends StageOutcome {
  title: string
  metrics: StepMetrics[]
}

/** One page for all stages. */
export function renderTrainingReport({ stages, isStaged }: TrainingPlan, outcomes: readonly StageOutcome[]): string {
  const logged = outcomes.map((outcome, i): Logged => {
    const metrics = readMetrics(join(outcome.stage.config.output, "metrics.jsonl"))
    return { ...outcome, title: isStaged ? titleOf(outcome.stage, i) : "", metrics }
  })
  return page(
    planTitle(stages),
    section(isStaged ? "Stages" : "Training", html`<p>${summaryOf(logged)}</p>`, stageTable(logged, isStaged)),
    section("Curves", html`<p>${CURVES}</p>`, ...chartsOf(logged)),
    section(
      "Settings",
      logged.map(({ title, stage }) =>
        details(title || "of the training, defaults included", preformatted(stringify(settingsOf(stage.config)))),
      ),
    ),
  )
}

const CURVES =
  "Each point is a logged step; of a long training, the mean of some. Speed counts all tokens of the sequences, prompts and pictures included."

function planTitle(stages: readonly Stage[]): string {
  const { model, vision } = stages[0].config
  const tower = vision ? ` with ${modelTitle(vision.tower)}` : ""
  return `${modelTitle(model)}${tower} as ${paradigmNamed(stages[stages.length - 1].config.paradigm).noun}`
}

/** "stage 1, connector" */
function titleOf({ name }: Stage, index: number): string {
  const place = `stage ${index + 1}`
  return name === place ? name : `${place}, ${name}`
}

function summaryOf(stages: readonly Logged[]): string {
  const seconds = formatDuration(stages.reduce((sum, stage) => sum + stage.seconds, 0))
  const time = stages.length > 1 ? `${stages.length} stages in ${seconds} of training.` : `Trained in ${seconds}.`
  const connector = stages[0].stage.config.vision?.connector
  const several = stages.length > 1 ? "; those of different paradigms are not the same quantity" : ""
  return `${time}${connector ? ` The connector is ${connector}.` : ""} Losses are means of the first and the last tenth of the logged steps${several}.`
}

function stageTable(stages: readonly Logged[], isStaged: boolean): Html {
  const column = (title: string, number = true): Column => ({ title, number })
  const columns = [
    ...(isStaged ? [column("stage", false)] : []),
    column("paradigm", false),
    column("learned", false),
    ...["weights", "samples", "steps", "batch", "first loss", "last loss", "tokens/s", "time"].map((title) =>
      column(title),
    ),
  ]
  const rows = stages.map(({ title, stage: { config }, parameters, samples, metrics, seconds }) => {
    const tenth = Math.max(1, Math.floor(metrics.length / 10))
    const speeds = metrics.map(({ tokensPerSecond }) => tokensPerSecond)
    const { micro_batch_size, accumulate } = config.train
    return [
      ...(isStaged ? [title] : []),
      config.paradigm,
      learnedIn(config),
      whole(parameters),
      whole(samples),
      metrics.length === 0 ? "–" : whole(metrics[metrics.length - 1].step + 1),
      whole(micro_batch_size * accumulate),
      meanLoss(metrics.slice(0, tenth)),
      meanLoss(metrics.slice(-tenth)),
      speeds.length === 0 ? "–" : whole(spreadOf(speeds).median),
      formatDuration(seconds),
    ]
  })
  return table(columns, rows)
}

const meanLoss = (metrics: readonly StepMetrics[]): string =>
  metrics.length === 0 ? "–" : (metrics.reduce((sum, { loss }) => sum + loss, 0) / metrics.length).toFixed(3)

function learnedIn({ lora, train }: TrainingConfig): string {
  const parts = train.tunable.map((part) => (part === "projector" ? "connector" : part)).join(", ")
  return lora ? `adapters of rank ${lora.rank} on ${parts}` : parts
}

/** The same quantity of all stages side by side. */
function chartsOf(stages: readonly Logged[]): Html[] {
  const quantities: [name: string, of: (entry: StepMetrics) => number][] = [
    ["loss", ({ loss }) => loss],
    ["gradient norm", ({ gradNorm }) => gradNorm],
    ["learning rate", ({ learningRate }) => learningRate],
    ["tokens per second", ({ tokensPerSecond }) => tokensPerSecond],
  ]
  const charts = quantities.map(([name, of]) =>
    stages.map(({ title, metrics }) =>
      xyChart({
        title: `${name[0].toUpperCase()}${name.slice(1)}${title && `, ${title}`}`,
        x: { label: "step" },
        y: { label: "", within: [0, Number.POSITIVE_INFINITY] },
        series: [{ name, line: metrics.map((entry) => ({ x: entry.step, y: of(entry) })) }],
      }),
    ),
  )
  const rows = stages.length > 1 ? charts : [charts.flat()]
  return rows.map((row) => html`<div class="charts">${row}</div>`)
}

/** Other paradigms' sections have no effect, and empty ones say nothing. */
function settingsOf(config: TrainingConfig): object {
  const others = paradigms()
    .filter(({ name }) => name !== config.paradigm)
    .map(({ name }) => sectionKey(name))
  const says = (value: unknown): boolean => typeof value !== "object" || value === null || Object.keys(value).length > 0
  return Object.fromEntries(Object.entries(config).filter(([key, value]) => !others.includes(key) && says(value)))
}
