/** One report, as a page that needs no other file and as Markdown. */

import { denoiseView } from "../../src/report/denoise-view.js"
import { figure, html, page, preformatted, section, table } from "../../src/report/html.js"
import { xyChart } from "../../src/report/svg.js"
import { escapeMarkdown, tableHtml, tableMarkdown } from "../../src/report/tables.js"
import type { Report } from "./report.js"

export function htmlReport(report: Report): string {
  const { title, date, summary, tables, tradeOff, losses, samples, denoising, facts, command } = report
  return page(
    title,
    html`<p class="soft">${date}</p>`,
    summary.map((sentence) => html`<p>${sentence}</p>`),
    section(
      "What is compared",
      html`<p>SmolLM2-135M-Instruct is trained on in two ways, with the same samples in the same order for as many steps:
by block diffusion, with another attention pattern and another objective, and, as the control, autoregressively as before.
The architecture and the weights both start from are the same.</p>`,
    ),
    tables.map((each) => section(each.title, tableHtml(each))),
    section(
      "Forwards against quality",
      xyChart({
        title: "F1 of the words, over all sets (%)",
        x: { label: "forwards per token" },
        y: { label: "F1" },
        series: tradeOff,
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
        ({ set, question, answers }) => html`<h3>${set}</h3>${preformatted(question)}
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
