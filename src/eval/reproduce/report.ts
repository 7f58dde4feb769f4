/** A table or figure of the paper with what was measured here, as a page that needs no other file. */

import { writeFileAtomic } from "../../checkpoint/files.js"
import { counted } from "../../readable.js"
import { type Content, commandLines, type Html, html, page, section, table } from "../../report/html.js"
import { tableHtml } from "../../report/tables.js"
import { chartsOf, notesIn, tableOf } from "../ablate/report.js"
import type { ClaimHere } from "./figure-claims.js"
import type { FilledTable } from "./filled-table.js"
import type { PaperFigure } from "./paper/figures.js"
import type { PaperTable } from "./paper/paper-table.js"
import type { Ablation } from "./read-ablation.js"
import { type SmallRow, smallNotRun } from "./reproduce-small.js"
import { askedOf, notRun } from "./reproduce-table.js"
import { filledRows, smallRows, type TableRow } from "./rows.js"
import type { SmallTable } from "./small.js"

export interface ReproducedPage {
  paper: PaperTable | PaperFigure
  filled?: FilledTable
  small?: { table: SmallTable; rows: readonly SmallRow[] }
  /** What stands for a table or figure on a small machine, by `diffusionvl ablate`. */
  ablation?: { text: string; found: Ablation }
  /** A figure at the paper's scale: what the paper says of it, and what was measured here. */
  figure?: { text: string; claims: readonly ClaimHere[]; notRun: readonly string[]; found?: Ablation }
  command: string
}

export async function writeReproduced(path: string, content: ReproducedPage): Promise<void> {
  await writeFileAtomic(path, reproducedPage(content))
}

export function reproducedPage({ paper, filled, small, ablation, figure, command }: ReproducedPage): string {
  const [why, asked] = filled ? [notRun(filled), askedOf(filled)] : [[], []]
  return page(
    paper.title,
    html`<p class="lead">${paper.text}</p>`,
    filled &&
      section(
        "The paper's numbers, and those from here",
        rowsTable(filledRows(filled)),
        asked.length > 0 && [html`<p>Asked here:</p>`, listOf(asked)],
        html`<p class="soft">Numbers in rows that begin with "here" were measured by this program, the authors' decoding and counting, or are those of results that were given, as these were decoded and counted; below them their 95 % intervals. All others are the paper's.</p>`,
        why.length > 0 && [html`<p>Not run:</p>`, listOf(why)],
      ),
    small && section("On a small machine", smallContent(small.table, small.rows)),
    ablation && section("On a small machine", ablationContent(ablation, command)),
    figure &&
      section(
        "What the paper says, and what is so here",
        claimsTable(figure.claims),
        html`<p class="soft">Of the models that are here, the first stands for DiffusionVL and the second for LLaDA-V. Numbers are compared as they stand: mind the standard errors.</p>`,
      ),
    figure && section("Measured here", figureContent(figure, command)),
    section("How to make this again", commandLines(command)),
  )
}

function smallContent(of: SmallTable, rows: readonly SmallRow[]): Content {
  const why = smallNotRun(rows)
  return [
    html`<p>${of.text}</p>`,
    rowsTable(smallRows(of, rows)),
    why.length > 0 && [html`<p>Not run:</p>`, listOf(why)],
  ]
}

function ablationContent({ text, found }: NonNullable<ReproducedPage["ablation"]>, command: string): Content {
  const charts = chartsOf(found.results)
  return [
    html`<p>${text}</p>`,
    tableHtml(tableOf(found)),
    notesIn(found.results).map((note) => html`<p class="soft">${note}</p>`),
    charts.length > 0 &&
      html`<p class="soft">Bars are one standard error over ${counted(found.results[0].measured.documents, "question")}.</p><div class="charts">${charts}</div>`,
    found.command !== command && [html`<p class="soft">Measured by</p>`, commandLines(found.command)],
  ]
}

const claimsTable = (claims: readonly ClaimHere[]): Html =>
  table(
    [{ title: "The paper" }, { title: "Here" }, { title: "" }],
    claims.map(({ text, holds, here }) => [text, verdictOf(holds), here]),
  )

export const verdictOf = (holds: boolean | undefined): string =>
  holds === undefined ? "not run" : holds ? "so here" : "not so here"

function figureContent({ text, notRun, found }: NonNullable<ReproducedPage["figure"]>, command: string): Content {
  return [
    found ? ablationContent({ text, found }, command) : html`<p>${text}</p>`,
    notRun.length > 0 && [html`<p>Not run:</p>`, listOf(notRun)],
  ]
}

const listOf = (items: readonly string[]): Html => html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`

function rowsTable({ head, rows }: { head: readonly string[]; rows: readonly TableRow[] }): Html {
  const isText = (title: string): boolean => ["", "size", "type", "samples"].includes(title)
  return table(
    head.map((title) => ({ title, number: !isText(title) })),
    rows.map(({ kind, cells }) =>
      (kind === "group" ? head.slice(0, 1) : head)
        .map((_, i) => cells[i] ?? { text: "" })
        .map(({ text, interval }, i): Content => {
          const isNumber = kind === "own" && text !== "not run" && !isText(head[i])
          const shown = isNumber ? html`<b>${text}</b>` : text
          const content = interval === undefined ? shown : html`${shown}<br><small>${interval}</small>`
          return kind === "group" || text === "not run" ? html`<span class="soft">${content}</span>` : content
        }),
    ),
  )
}
