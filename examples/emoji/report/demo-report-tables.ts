/** The numbers of the demo's report as tables: every model against the autoregressive control. */

import { type Column, type Content, type Html, html, table } from "../../../src/report/html.js"
import { ratioText } from "../../../src/report/spread.js"
import {
  type DemoReportData,
  decodingText,
  type Evaluation,
  type EvaluationPart,
  evaluationsOf,
  type ReportModel,
} from "./demo-report-data.js"

/** A number of an evaluation: a share, shown in percent, or a plain value. */
interface Measure {
  title: string
  share: boolean
  read(evaluation: Evaluation): number | undefined
  questions(evaluation: Evaluation): number | undefined
}

const measure = (
  task: "name" | "choose" | "describe",
  title: string,
  read: Measure["read"],
  share = true,
): Measure => ({ title, share, read, questions: (evaluation) => evaluation[task]?.questions })

export const NAMING = measure("name", "naming, exact", (e) => e.name?.exact)
export const CHOICE_GREEDY = measure("choose", "choice, greedy", (e) => e.choose?.greedy)
const CHOICE_LIKELIHOOD = measure("choose", "choice, likelihood", (e) => e.choose?.likelihood)
export const TOKEN_F1 = measure("describe", "description, token F1", (e) => e.describe?.tokenF1)
const NAME_INSIDE = measure("describe", "name in description", (e) => e.describe?.nameInside)
export const FORWARDS = measure("describe", "forwards per token", (e) => e.describe?.forwardsPerToken, false)
export const SPEED = measure("describe", "tokens/s", (e) => e.speed?.tokensPerSecond.median, false)

const SCORES = [NAMING, CHOICE_GREEDY, CHOICE_LIKELIHOOD, TOKEN_F1, NAME_INSIDE]
const COLUMNS = [...SCORES, FORWARDS, SPEED]

/** Every model's evaluations on all questions of one set, with the distance from the control in points. */
export function comparisonTable(data: DemoReportData, set: string): Html {
  const rows = evaluationsOf(data, set, "main", "remasking")
  const control = rows.find(({ model }) => model.role === "control")?.evaluation
  const measures = COLUMNS.filter((column) => rows.some(({ evaluation }) => column.read(evaluation) !== undefined))
  return table(
    [{ title: "model" }, { title: "decoding" }, ...measures.map(numberColumn)],
    rows.map(({ model, evaluation }) => [
      model.title,
      decodingText(evaluation.decoding),
      ...measures.map((column) => cell(column, evaluation, evaluation === control ? undefined : control)),
    ]),
    rows[0] && `Questions: ${questionsText(rows[0].evaluation)}.`,
  )
}

/** What one change of the decoding does to each translated model, the control on top. */
export function sweepTable(data: DemoReportData, set: string, part: EvaluationPart): Html | undefined {
  const rows = evaluationsOf(data, set, part)
  if (rows.length === 0) return undefined
  // A control that was not asked the sweep's questions stands there with all of its own.
  const asked = rows.some(({ model }) => model.role === "control")
  const control = asked ? [] : evaluationsOf(data, set, "main").filter(({ model }) => model.role === "control")
  const measures = COLUMNS.filter((column) => rows.some(({ evaluation }) => column.read(evaluation) !== undefined))
  const questions = questionsText(rows[0].evaluation)
  const controlQuestions = control[0] && questionsText(control[0].evaluation)
  const differs = controlQuestions !== undefined && controlQuestions !== questions
  return table(
    [{ title: "model" }, { title: "decoding" }, ...measures.map(numberColumn)],
    [...control, ...rows].map(({ model, evaluation }) => [
      model.title,
      decodingText(evaluation.decoding),
      ...measures.map((column) => cell(column, evaluation)),
    ]),
    `Questions: ${questions}.${differs ? ` Of the control: ${controlQuestions}.` : ""}`,
  )
}

export function modelTable({ models }: DemoReportData): Html {
  return table(
    [
      { title: "model" },
      { title: "paradigm" },
      { title: "parameters", number: true },
      { title: "steps", number: true },
      { title: "training", number: true },
    ],
    models.map((model) => [
      model.title,
      paradigmText(model),
      `${(model.parameters / 1e6).toFixed(2)} M`,
      model.steps?.toLocaleString("en") ?? "–",
      model.seconds === undefined ? "–" : minutes(model.seconds),
    ]),
  )
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** The half width of a 95 % interval around a share of so many answers, in points. */
export function sharePrecision(share: number, questions: number): number {
  return 196 * Math.sqrt(Math.max(share * (1 - share), 0) / Math.max(1, questions))
}

function numberColumn({ title }: Measure): Column {
  return { title, number: true }
}

function cell(column: Measure, evaluation: Evaluation, control?: Evaluation): Content {
  const { read, share } = column
  const value = read(evaluation)
  if (value === undefined) return "–"
  if (column === SPEED && evaluation.speed) {
    const { ratio } = evaluation.speed
    // The control is once as fast as itself.
    const one = ratio.low === 1 && ratio.high === 1
    return html`${value.toFixed(0)}${one ? "" : html` <small>${ratioText(ratio)}</small>`}`
  }
  if (!share) return value >= 20 ? value.toFixed(0) : value.toFixed(2)
  const other = control && read(control)
  if (other === undefined) return percent(value)
  const points = (value - other) * 100
  const sign = points < 0 ? "−" : "+"
  return html`${percent(value)} <small>${sign}${Math.abs(points).toFixed(1)}</small>`
}

function questionsText({ name, choose, describe }: Evaluation): string {
  const parts = [
    name && `naming ${name.questions}`,
    choose && `multiple choice ${choose.questions}`,
    describe && `description ${describe.questions}`,
  ].filter((part) => part !== undefined)
  return parts.join(", ")
}

function paradigmText({ paradigm, shift }: ReportModel): string {
  if (paradigm === "autoregressive") return "autoregressive"
  return shift === "next" ? "block diffusion, next-token shift" : "block diffusion, same position"
}

function minutes(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`
}
