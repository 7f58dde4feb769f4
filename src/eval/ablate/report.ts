/** What was measured as one report: a page that needs no other file, Markdown, and all numbers as JSON. */

import { cpus } from "node:os"
import { join } from "node:path"
import { writeFileAtomic, writeJson } from "../../checkpoint/files.js"
import { html, page, preformatted, section } from "../../report/html.js"
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

export const reportFiles = (out: string): string[] =>
  ["html", "md", "json"].map((ending) => join(out, `report.${ending}`))

/** @returns the paths of the page, the Markdown and the JSON */
export async function writeReport(out: string, input: ReportInput): Promise<string[]> {
  const [page, markdown, json] = reportFiles(out)
  await writeJson(json, numbers(input))
  await writeFileAtomic(markdown, markdownReport(input))
  await writeFileAtomic(page, htmlReport(input))
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

const percent = (share: number): string => (100 * share).toFixed(1)

function tableOf({ plan, results, questions, metrics, concurrent }: ReportInput): Table {
  const asked = `${questions.length} questions, ${concurrent} at a time; scores in percent, with the standard error of the mean.`
  return {
    title: plan.title,
    text: `${plan.text} ${asked} Forwards count until an answer and its end are known; tokens per second are those of all answers together, prompts and pictures included.`,
    columns: [
      ...plan.columns,
      ...metrics.map(({ title }) => title),
      "tokens/s",
      "forwards/token",
      "tokens/answer",
      "ended (%)",
    ],
    rows: results.map(({ variant, measured }) => [
      ...variant.cells,
      ...metrics.map(({ name }) => `${percent(measured.scores[name].mean)} ± ${percent(measured.scores[name].error)}`),
      measured.tokensPerSecond.toFixed(1),
      measured.forwardsPerToken.toFixed(2),
      (measured.tokens / measured.questions).toFixed(1),
      percent(measured.ended),
    ]),
  }
}

/** One curve for each model. */
function curves(
  results: readonly Result[],
  { name }: NamedMetric,
  x: "tokensPerSecond" | "forwardsPerToken",
): Series[] {
  return [...new Set(results.map(({ variant }) => variant.curve))].map((curve) => {
    const points = results
      .filter(({ variant }) => variant.curve === curve)
      .map(({ variant, measured }) => ({ x: measured[x], y: 100 * measured.scores[name].mean, label: variant.label }))
    return { name: curve, points, line: points }
  })
}

function htmlReport(input: ReportInput): string {
  const { plan, results, metrics, command } = input
  const charts = metrics.flatMap((metric) =>
    (
      [
        ["tokensPerSecond", "tokens per second"],
        ["forwardsPerToken", "forwards per token"],
      ] as const
    ).map(([x, label]) =>
      xyChart({
        title: `${metric.title} (%) against ${label}`,
        x: { label },
        y: { label: metric.title },
        series: curves(results, metric, x),
      }),
    ),
  )
  return page(
    plan.title,
    section("Numbers", tableHtml(tableOf(input))),
    section("Quality against speed", html`<div class="charts">${charts}</div>`),
    section(
      "Samples",
      samplesOf(input).map(
        ({ question, rows }) => html`${preformatted(question)}
${tableHtml({ title: "", columns: ["", "answer"], rows })}`,
      ),
    ),
    section("How to make this report again", preformatted(command)),
  )
}

function markdownReport(input: ReportInput): string {
  const { title, ...table } = tableOf(input)
  const samples = samplesOf(input).map(({ question, rows }) =>
    [
      `**${escapeMarkdown(question)}**\n`,
      ...rows.map(([of, text]) => `- ${escapeMarkdown(of)}: ${escapeMarkdown(text)}`),
    ].join("\n"),
  )
  const [, ...numbers] = tableMarkdown({ title, ...table })
  return `${[`# ${escapeMarkdown(title)}`, ...numbers, "## Samples", ...samples, `Made by \`${input.command}\`.`].join("\n\n")}\n`
}

/** The first questions, with what is expected and what each variant answers. */
function samplesOf({ results, questions }: ReportInput): { question: string; rows: string[][] }[] {
  return questions.slice(0, SAMPLES).map(({ messages, references }, i) => ({
    question: textOf(messages[messages.length - 1].content),
    rows: [
      ["expected", references.join(" / ")],
      ...results.map(({ variant, measured }) => [nameOf(variant), measured.answers[i]]),
    ],
  }))
}
