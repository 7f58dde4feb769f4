/** What was measured as one report: a page that needs no other file, Markdown, and all numbers as JSON. */

import { cpus } from "node:os"
import { join } from "node:path"
import { writeFileAtomic, writeJson } from "../../checkpoint/files.js"
import { thumbnail } from "../../image/thumbnail.js"
import { counted } from "../../readable.js"
import { dataUri, type Html, html, page, preformatted, section } from "../../report/html.js"
import { percent, percentWithin } from "../../report/numbers.js"
import { type SampleView, sampleView } from "../../report/sample-view.js"
import { type Series, xyChart } from "../../report/svg.js"
import { escapeMarkdown, type Table, tableHtml, tableMarkdown } from "../../report/tables.js"
import type { NamedMetric } from "../metrics.js"
import { type Question, textOf } from "../questions.js"
import { nameOf, type Plan } from "./plan.js"
import type { Result } from "./run.js"

export interface ReportInput {
  plan: Plan
  results: readonly Result[]
  questions: readonly Question[]
  metrics: readonly NamedMetric[]
  concurrent: number
  /** What to type to make it again. */
  command: string
}

/** Questions that are shown with everybody's answer. */
const SAMPLES = 4
/** Pixels of their pictures: of each that a screen has, two. */
const SIDE = 192

export const reportFiles = (out: string): string[] =>
  ["html", "md", "json"].map((ending) => join(out, `report.${ending}`))

/** @returns the paths of the page, the Markdown and the JSON */
export async function writeReport(out: string, input: ReportInput): Promise<string[]> {
  const [page, markdown, json] = reportFiles(out)
  await writeJson(json, numbers(input))
  await writeFileAtomic(markdown, markdownReport(input))
  await writeFileAtomic(page, await htmlReport(input))
  return [page, markdown, json]
}

function numbers({ plan, results, questions, metrics, concurrent, command }: ReportInput): object {
  return {
    title: plan.title,
    command,
    questions: questions.length,
    metrics: metrics.map(({ name }) => name),
    concurrent,
    processor: cpus()[0]?.model,
    results: results.map(({ variant, measured: { answers: _, ...measured } }) => ({
      ...Object.fromEntries(plan.columns.map((column, i) => [column, variant.cells[i]])),
      model: variant.model,
      decoding: variant.decoding,
      ...measured,
    })),
  }
}

/** What a table is made of: of questions and metrics only their number and names. */
export type TableInput = Pick<ReportInput, "plan" | "results" | "concurrent"> & {
  questions: { length: number }
  metrics: readonly Pick<NamedMetric, "name" | "title">[]
}

export function tableOf({ plan, results, questions, metrics, concurrent }: TableInput): Table {
  const asked = `${counted(questions.length, "question")}, ${concurrent} at a time; scores in percent, ± one standard error of the mean over the questions.`
  return {
    title: plan.title,
    text: `${plan.text} ${asked} Forwards count until an answer and its end are known; tokens per second are those of all answers together, prompts and pictures included.`,
    columns: [
      ...plan.columns,
      ...metrics.map(({ title }) => `${title} (%)`),
      "tokens/s",
      "forwards per token",
      "tokens per answer",
      "ended (%)",
    ],
    rows: results.map(({ variant, measured }) => [
      ...variant.cells,
      ...metrics.map(({ name }) => percentWithin(measured.scores[name].mean, measured.scores[name].error)),
      measured.tokensPerSecond.toFixed(1),
      measured.forwardsPerToken.toFixed(2),
      (measured.tokens / measured.questions).toFixed(1),
      percent(measured.ended),
    ]),
  }
}

const SPEEDS = { tokensPerSecond: "tokens per second", forwardsPerToken: "forwards per token" } as const

/** One curve for each model; none where all are as fast. */
export function chartsOf(results: readonly Result[], metrics: TableInput["metrics"]): Html[] {
  const speeds = (["tokensPerSecond", "forwardsPerToken"] as const).filter(
    (speed) => new Set(results.map(({ measured }) => measured[speed].toFixed(2))).size > 1,
  )
  return metrics.flatMap(({ name, title }) =>
    speeds.map((speed) =>
      xyChart({
        title: `${title[0].toUpperCase()}${title.slice(1)} against ${SPEEDS[speed]}`,
        x: { label: SPEEDS[speed] },
        y: { label: `${title} (%)`, within: [0, 100] },
        series: curves(results, name, speed),
      }),
    ),
  )
}

function curves(results: readonly Result[], metric: string, speed: keyof typeof SPEEDS): Series[] {
  return [...new Set(results.map(({ variant }) => variant.curve))].map((curve) => {
    const points = results
      .filter(({ variant }) => variant.curve === curve)
      .map(({ variant: { label }, measured }) => {
        const { mean, error } = measured.scores[metric]
        return { x: measured[speed], y: 100 * mean, error: 100 * error, label }
      })
    return { name: curve, points, line: points }
  })
}

async function htmlReport(input: ReportInput): Promise<string> {
  const { plan, results, questions, metrics, command } = input
  const charts = chartsOf(results, metrics)
  const shown = `Each mark is a row of the table, named by its ${plan.columns.at(-1)}; bars are one standard error over ${counted(questions.length, "question")}.`
  return page(
    plan.title,
    section("Numbers", tableHtml(tableOf(input))),
    charts.length > 0 &&
      section("Quality against speed", html`<p>${shown}</p>`, html`<div class="charts">${charts}</div>`),
    section("Samples", (await samplesWithPictures(input)).map(sampleView)),
    section("How to make this report again", preformatted(command)),
  )
}

function markdownReport(input: ReportInput): string {
  const { title, ...table } = tableOf(input)
  const samples = samplesOf(input).map(({ question, answers }) =>
    [
      `**${escapeMarkdown(question)}**\n`,
      ...answers.map(({ of, text }) => `- ${escapeMarkdown(of)}: ${escapeMarkdown(text)}`),
    ].join("\n"),
  )
  const [, ...numbers] = tableMarkdown({ title, ...table })
  return `${[`# ${escapeMarkdown(title)}`, ...numbers, "## Samples", ...samples, `Made by \`${input.command}\`.`].join("\n\n")}\n`
}

/** The first questions, with what is expected and what each variant answers. */
function samplesOf({ results, questions }: ReportInput): SampleView[] {
  return questions.slice(0, SAMPLES).map(({ messages, references }, i) => ({
    question: textOf(messages[messages.length - 1].content),
    answers: [
      { of: "expected", text: references.join(" / ") },
      ...results.map(({ variant, measured }) => ({ of: nameOf(variant), text: measured.answers[i] })),
    ],
  }))
}

/** Of several pictures, the last. */
async function samplesWithPictures(input: ReportInput): Promise<SampleView[]> {
  const samples: SampleView[] = []
  for (const [i, sample] of samplesOf(input).entries()) {
    const path = input.questions[i].images.at(-1)
    samples.push(path === undefined ? sample : { ...sample, picture: dataUri(await thumbnail(path, SIDE)) })
  }
  return samples
}
