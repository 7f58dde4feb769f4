/** A run as a page that needs no other file. */

import { join } from "node:path"
import { writeFileAtomic } from "../../checkpoint/files.js"
import { counted, modelTitle } from "../../readable.js"
import { type Content, commandLines, html, page, section } from "../../report/html.js"
import { notesOf, problemsOf } from "../results/printed.js"
import type { ScoredRun } from "../results/scored-run.js"
import type { RunRecord } from "../run/run-record.js"
import { partTables, scoreTable, speedTable } from "./task-tables.js"
import { wrongAnswerView } from "./wrong-answer-view.js"

/** @returns its path */
export async function writeRunReport(out: string, scored: ScoredRun): Promise<string> {
  const path = join(out, "report.html")
  await writeFileAtomic(path, await runReport(scored))
  return path
}

async function runReport({ run, tasks }: ScoredRun): Promise<string> {
  const results = tasks.map(({ result }) => result)
  const notes = [...notesOf(results), ...problemsOf(results)]
  const parts = results.flatMap(partTables)
  const wrong: Content[] = []
  for (const { result, wrong: answers } of tasks) {
    if (answers.length === 0) continue
    wrong.push(html`<h3>${result.title}</h3>
`)
    for (const answer of answers) wrong.push(await wrongAnswerView(answer))
  }
  return page(
    `${modelTitle(run.model.name)}: evaluation`,
    html`<p class="lead">${leadOf(run)}</p>`,
    section(
      "Scores",
      scoreTable(results),
      html`<p class="soft">As the paper prints them: shares in percent, MME's points. Intervals of shares are Wilson's, of other plain means the normal ones; where documents belong together, or a score is no plain mean, they are by drawing documents anew, those that belong together as one. Where all drawn score the same, or there are too few to draw from, there is none.</p>`,
      notes.length > 0 && html`<ul>${notes.map((note) => html`<li>${note}</li>`)}</ul>`,
    ),
    parts.length > 0 && section("Parts", parts),
    section(
      "Speed",
      speedTable(results),
      html`<p class="soft">Tokens that were decoded up to the ends of the answers, over the time to answer all of them, pictures and prompts included; ${counted(run.concurrent, "answer")} at a time.</p>`,
    ),
    wrong.length > 0 &&
      section("Answers to look at", html`<p>What could not be read comes first, then what is wrong.</p>`, wrong),
    run.command !== "" && section("How to make this again", commandLines(run.command)),
  )
}

function leadOf({ model, compat, limit, shard }: RunRecord): string {
  const what = [model.name, model.paradigm, model.dtype, model.device, model.url].filter((word) => word !== undefined)
  const how = compat
    ? "The authors' oddities are followed: what cannot be read is guessed."
    : "Nothing is guessed: what cannot be read is wrong."
  const part = limit !== undefined ? ` A part of the documents only (--limit ${limit}).` : ""
  const shards = shard ? ` Part ${shard.index} of ${shard.count}.` : ""
  return `${what.join(", ")}. ${how}${part}${shards}`
}
