/** What was measured as one report: a page that needs no other file, Markdown, and all numbers as JSON. */

import { cpus } from "node:os"
import { join, relative } from "node:path"
import { writeFileAtomic, writeJson } from "../../checkpoint/files.js"
import { counted } from "../../readable.js"
import { commandLines, type Html, html, page, section } from "../../report/html.js"
import { grouped, percent } from "../../report/numbers.js"
import { type SampleView, sampleView } from "../../report/sample-view.js"
import { type Series, xyChart } from "../../report/svg.js"
import { escapeMarkdown, type Table, tableHtml, tableMarkdown } from "../../report/tables.js"
import { scoreText } from "../results/printed.js"
import type { OpenTask } from "../run/open-tasks.js"
import type { Measured, MeasuredScore } from "./measured.js"
import { nameOf, type Plan, type Variant } from "./plan.js"
import type { Result } from "./run.js"
import { samplesOf } from "./samples.js"

export interface ReportInput {
  plan: Plan
  results: readonly Result[]
  tasks: readonly OpenTask[]
  concurrent: number
  /** As the authors decode and count. */
  compat?: boolean
  /** What to type to make it again. */
  command: string
}

/** What tables and charts are made of: runs may have been made before. */
export type TableInput = Pick<ReportInput, "plan" | "concurrent"> & {
  results: readonly { variant: Variant; measured: Measured }[]
}

export const reportFiles = (out: string): string[] =>
  ["html", "md", "json"].map((ending) => join(out, `report.${ending}`))

/** @returns the paths of the page, the Markdown and the JSON */
export async function writeReport(out: string, input: ReportInput): Promise<string[]> {
  const [page, markdown, json] = reportFiles(out)
  const samples = await samplesOf(input.tasks, input.results)
  await writeJson(json, numbers(out, input))
  await writeFileAtomic(markdown, markdownReport(input, samples))
  await writeFileAtomic(page, htmlReport(input, samples))
  return [page, markdown, json]
}

function numbers(out: string, { plan, results, tasks, concurrent, compat = false, command }: ReportInput): object {
  return {
    title: plan.title,
    command,
    tasks: tasks.map(({ task }) => task.name),
    documents: documentsOf(results),
    metrics: Object.keys(scoresOf(results)),
    concurrent,
    compat,
    processor: cpus()[0]?.model,
    results: results.map(({ variant, folder, measured }) => ({
      ...Object.fromEntries(plan.columns.map((column, i) => [column, variant.cells[i]])),
      model: variant.model,
      decoding: variant.decoding,
      label: variant.label,
      // What `eval` would have written: for eval rescore, and eval compare.
      run: relative(out, folder),
      ...measured,
    })),
  }
}

const documentsOf = (results: TableInput["results"]): number => results[0]?.measured.documents ?? 0
/** All variants are scored alike. */
const scoresOf = (results: TableInput["results"]): Measured["scores"] => results[0]?.measured.scores ?? {}

/** A row for each variant: its scores, forwards per token and speed. */
export function tableOf({ plan, results, concurrent }: TableInput): Table {
  const scores = Object.entries(scoresOf(results))
  const asked = `${counted(documentsOf(results), "question")}, ${concurrent} at a time; scores ± one standard error.`
  return {
    title: plan.title,
    text: `${plan.text} ${asked} Forwards count until an answer and its end are known; tokens per second are those of all answers together, prompts and pictures included.`.trim(),
    columns: [
      ...plan.columns,
      ...scores.map(([, score]) => columnOf(score)),
      "tokens/s",
      "forwards per token",
      "tokens per answer",
      "ended (%)",
    ],
    rows: results.map(({ variant, measured }) => [
      ...variant.cells,
      ...scores.map(([key]) => scoreCell(measured.scores[key])),
      grouped(measured.tokensPerSecond, 1),
      measured.forwardsPerToken.toFixed(2),
      (measured.tokens / Math.max(1, measured.documents)).toFixed(1),
      percent(measured.ended),
    ]),
  }
}

const columnOf = ({ title, scale }: MeasuredScore): string => (scale === 100 ? `${title} (%)` : title)

function scoreCell(score: MeasuredScore | undefined): string {
  if (!score || score.value === null) return "–"
  const value = scoreText(score.value, score)
  return score.standardError === undefined ? value : `${value}\u00a0±\u00a0${scoreText(score.standardError, score)}`
}

/** Why scores are missing, each reason once; and of each variant what was counted as wrong without being read. */
export function notesIn(results: TableInput["results"]): string[] {
  const problems = results.flatMap(({ measured }) =>
    Object.values(measured.scores).flatMap(({ title, problem }) =>
      problem === undefined ? [] : [`${title}: ${problem}`],
    ),
  )
  const notes = results.flatMap(({ variant, measured }) => measured.notes.map((note) => `${nameOf(variant)}: ${note}`))
  return [...new Set(problems), ...notes]
}

const SPEEDS = { tokensPerSecond: "tokens per second", forwardsPerToken: "forwards per token" } as const

/** One curve for each model; none where all are as fast. */
export function chartsOf(results: TableInput["results"]): Html[] {
  const speeds = (["tokensPerSecond", "forwardsPerToken"] as const).filter(
    (speed) => new Set(results.map(({ measured }) => measured[speed].toFixed(2))).size > 1,
  )
  return Object.entries(scoresOf(results)).flatMap(([key, score]) =>
    speeds.map((speed) =>
      xyChart({
        title: `${titleOf(key, score)} against ${SPEEDS[speed]}`,
        x: { label: SPEEDS[speed] },
        y: { label: columnOf(score), ...(score.scale === 100 && { within: [0, 100] as const }) },
        series: curves(results, key, speed),
      }),
    ),
  )
}

/** Names of tasks and metrics stay as they are; a metric that has no title says little without its task's. */
const titleOf = (key: string, { title, metric, task }: MeasuredScore): string => {
  if (key !== metric) return title
  return title === metric ? `${task}, ${title}` : `${title[0].toUpperCase()}${title.slice(1)}`
}

function curves(results: TableInput["results"], key: string, speed: keyof typeof SPEEDS): Series[] {
  return [...new Set(results.map(({ variant }) => variant.curve))].map((curve) => {
    const points = results
      .filter(({ variant }) => variant.curve === curve)
      .flatMap(({ variant: { label }, measured }) => {
        const { value, scale, standardError = 0 } = measured.scores[key]
        return value === null ? [] : [{ x: measured[speed], y: scale * value, error: scale * standardError, label }]
      })
    return { name: curve, points, line: points }
  })
}

function htmlReport(input: ReportInput, samples: readonly SampleView[]): string {
  const { plan, results, command } = input
  const charts = chartsOf(results)
  const shown = `Each mark is a row of the table, named by its ${plan.columns.at(-1)}; bars are one standard error over the questions.`
  return page(
    plan.title,
    section(
      "Numbers",
      tableHtml(tableOf(input)),
      notesIn(results).map((note) => html`<p class="soft">${note}</p>`),
    ),
    charts.length > 0 &&
      section("Quality against speed", html`<p>${shown}</p>`, html`<div class="charts">${charts}</div>`),
    section("Samples", samples.map(sampleView)),
    section("How to make this report again", commandLines(command)),
  )
}

function markdownReport(input: ReportInput, samples: readonly SampleView[]): string {
  const { title, ...table } = tableOf(input)
  const shown = samples.map(({ question, answers }) =>
    [
      `**${escapeMarkdown(question)}**\n`,
      ...answers.map(({ of, text }) => `- ${escapeMarkdown(of)}: ${escapeMarkdown(text)}`),
    ].join("\n"),
  )
  const [, ...numbers] = tableMarkdown({ title, ...table })
  const notes = notesIn(input.results).map(escapeMarkdown)
  return `${[`# ${escapeMarkdown(title)}`, ...numbers, ...notes, "## Samples", ...shown, `Made by \`${input.command}\`.`].join("\n\n")}\n`
}
