/** The report of a run, as a page that needs no other file and as Markdown. */

import { counted } from "../../src/readable.js"
import { type DenoiseStep, denoiseView } from "../../src/report/denoise-view.js"
import { figure, html, page, preformatted, section } from "../../src/report/html.js"
import { type SampleView, sampleView } from "../../src/report/sample-view.js"
import { type Series, xyChart } from "../../src/report/svg.js"
import { escapeMarkdown, type Table, tableHtml, tableMarkdown } from "../../src/report/tables.js"

/** One question with everybody's answer; `about` names the set it is from. */
export type Sample = SampleView & { about: string }

export interface Report {
  title: string
  date: string
  summary: string[]
  /** What is compared: a paragraph. */
  compared: string
  tables: Table[]
  /** What an answer costs against how good it is. */
  tradeOff?: { title: string; text: string; what: string; label: string; series: Series[] }
  losses: Series[]
  samples: Sample[]
  denoising?: { question: string; blocks: DenoiseStep[][] }
  facts: Table[]
  command: string
}

const DENOISING =
  "Each row is a forward, each cell a token with its probability. Grey: still masked, what the model would say now. Green: made final in this forward. Blue: final before. · is a blank."

export function htmlReport(report: Report): string {
  const { title, date, summary, compared, tables, tradeOff, losses, samples, denoising, facts, command } = report
  return page(
    title,
    html`<p class="soft">${date}</p>`,
    summary.map((sentence) => html`<p>${sentence}</p>`),
    section("What is compared", html`<p>${compared}</p>`),
    tables.map((each) => section(each.title, tableHtml(each))),
    tradeOff &&
      section(
        tradeOff.title,
        html`<p>${tradeOff.text}</p>`,
        xyChart({
          title: tradeOff.what,
          x: { label: "forwards per token" },
          y: { label: tradeOff.label, within: [0, 100] },
          series: tradeOff.series,
        }),
      ),
    denoising &&
      section(
        "Blocks being denoised",
        html`<p><b>${denoising.question}</b></p><p>${DENOISING}</p>`,
        denoising.blocks.map((steps, i) =>
          figure(denoiseView(steps), `block ${i + 1}: ${counted(steps.length, "step")}`),
        ),
      ),
    samples.length > 0 && section("Samples", samples.map(sampleView)),
    section(
      "Training",
      html`<div class="charts">${losses.map((series) =>
        xyChart({ title: `Loss, ${series.name}`, x: { label: "step" }, y: { label: "" }, series: [series] }),
      )}</div>`,
    ),
    facts.map((each) => section(each.title, tableHtml(each))),
    section("How to make this report again", preformatted(command)),
  )
}

export function markdownReport(report: Report): string {
  const { title, date, summary, tables, samples, facts, command } = report
  const parts = [
    `# ${title}`,
    date,
    ...summary.map(escapeMarkdown),
    ...tables.flatMap(tableMarkdown),
    ...(samples.length > 0 ? ["## Samples"] : []),
    ...samples.flatMap(({ about, question, answers }) => [
      `**${escapeMarkdown(about)}**: ${escapeMarkdown(question)}`,
      answers.map(({ of, text }) => `- ${escapeMarkdown(of)}: ${escapeMarkdown(text)}`).join("\n"),
    ]),
    ...facts.flatMap(tableMarkdown),
    `Made by \`${command}\`.`,
  ]
  return `${parts.join("\n\n")}\n`
}
