/** Several runs beside each other, as a page that needs no other file. */

import { writeFileAtomic } from "../../checkpoint/files.js"
import { type Content, commandLines, type Html, html, page, section, table } from "../../report/html.js"
import { whole } from "../../report/numbers.js"
import { sampleView } from "../../report/sample-view.js"
import type { Comparison } from "../compare/compare.js"
import { differenceText, intervalOf, isSure, pNote, pText } from "../compare/printed.js"
import { scoreText } from "../results/printed.js"
import { choiceTable } from "./choice-table.js"
import { taskCell } from "./task-tables.js"

export async function writeComparisonReport(path: string, comparison: Comparison, command = ""): Promise<void> {
  await writeFileAtomic(path, comparisonReport(comparison, command))
}

export function comparisonReport(comparison: Comparison, command: string): string {
  const { runs, tasks, left } = comparison
  const note = pNote(comparison)
  const [first, ...others] = runs
  const comparisons = tasks.flatMap(({ metrics }) => metrics).length
  const pages = others.map((other, i): Content => {
    const own = tasks.filter(({ run }) => run === i + 1)
    const samples = own.flatMap(({ title, samples }) => samples.map((sample) => ({ ...sample, title })))
    return [
      section(`${other.name} beside ${first.name}`, differenceTable(own, first.name, other.name)),
      samples.length > 0 &&
        section(
          `Where ${other.name} differs`,
          samples.map(({ title, index, input, target, answers, choices, logLikelihoods }) =>
            sampleView({
              question: input.length > 500 ? `${input.slice(0, 500)} …` : input,
              about: `${title}, document ${index}`,
              answers: [
                { of: first.name, text: answers[0] },
                { of: other.name, text: answers[1] },
                { of: "right", text: target },
              ],
              choices:
                choices &&
                choiceTable(
                  choices,
                  [first, other].map(({ name: of }, i) => ({
                    of,
                    answer: answers[i],
                    logLikelihoods: logLikelihoods?.[i],
                  })),
                ),
            }),
          ),
        ),
    ]
  })
  return page(
    `${runs.map(({ name }) => name).join(", ")}: compared`,
    html`<p>Differences are over the documents that both have answered, each with itself. Intervals (95 %) are by drawing documents anew, those that belong together as one; p is McNemar's test of who is right more often. Of ${comparisons} differences one in twenty lies outside its interval by chance.</p>`,
    note !== undefined && html`<p class="soft">${note[0].toUpperCase() + note.slice(1)}.</p>`,
    left.length > 0 && html`<p class="soft">Not in all runs, and left out: ${left.join(", ")}.</p>`,
    pages,
    command !== "" && section("How to make this again", commandLines(command)),
  )
}

function differenceTable(tasks: Comparison["tasks"], first: string, second: string): Html {
  const titles = ["", first, second, "difference", "95 % interval", "p", "documents"]
  const rows = tasks.flatMap(({ title, metrics }) =>
    metrics.map((paired, i): Content[] => [
      taskCell(title, paired.metric, i === 0),
      paired.first === null ? "–" : scoreText(paired.first, paired),
      paired.second === null ? "–" : scoreText(paired.second, paired),
      marked(differenceText(paired), isSure(paired)),
      paired.problem ?? intervalOf(paired),
      pText(paired),
      whole(paired.documents),
    ]),
  )
  return table(
    titles.map((title, i) => ({ title, number: i > 0 })),
    rows,
  )
}

const marked = (text: string, sure: "better" | "worse" | undefined): Content =>
  sure ? html`<b class="${sure === "better" ? "good" : "bad"}">${text}</b>` : text
