/** The report of a run, as a page that needs no other file and as Markdown. */

import { type DenoiseStep, denoiseView } from "../../src/report/denoise-view.js"
import { figure, html, page, preformatted, section, table } from "../../src/report/html.js"
import { type Series, xyChart } from "../../src/report/svg.js"
import { escapeMarkdown, type Table, tableHtml, tableMarkdown } from "../../src/report/tables.js"

/** One question with everybody's answer. */
export interface Sample {
  set: string
  /** What the question is about, as a data: address. */
  picture?: string
  question: string
  answers: { of: string; text: string }[]
}

export interface Report {
  title: string
  date: string
  summary: string[]
  /** What is compared: a paragraph. */
  compared: string
  tables: Table[]
  /** What an answer costs against how good it is. */
  tradeOff?: { title: string; what: string; label: string; series: Series[] }
  losses: Series[]
  samples: Sample[]
  denoising?: { question: string; blocks: DenoiseStep[][] }
  facts: Table[]
  command: string
}

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
        xyChart({
          title: tradeOff.what,
          x: { label: "forwards per token" },
          y: { label: tradeOff.label },
          series: tradeOff.series,
        }),
      ),
    denoising &&
      section(
        "Blocks being denoised",
        html`<p><b>${denoising.question}</b></p>`,
        denoising.blocks.map((steps, i) => figure(denoiseView(steps), `block ${i + 1}: ${steps.length} steps`)),
      ),
    section(
      "Samples",
      samples.map(
        ({ set, picture, question, answers }) => html`<h3>${set}</h3>
${picture === undefined ? undefined : html`<img src="${picture}" alt="" width="96">`}${preformatted(question)}
${table(
  [{ title: "" }, { title: "" }],
  answers.map(({ of, text }) => [of, text]),
)}`,
      ),
    ),
    section(
      "Training",
      losses.map((series) =>
        xyChart({ title: `Loss, ${series.name}`, x: { label: "step" }, y: { label: "loss" }, series: [series] }),
      ),
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
    "## Samples",
    ...samples.flatMap(({ set, question, answers }) => [
      `**${escapeMarkdown(set)}**: ${escapeMarkdown(question)}`,
      answers.map(({ of, text }) => `- ${escapeMarkdown(of)}: ${escapeMarkdown(text)}`).join("\n"),
    ]),
    ...facts.flatMap(tableMarkdown),
    `Made by \`${command}\`.`,
  ]
  return `${parts.join("\n\n")}\n`
}
