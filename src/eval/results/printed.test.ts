/** What is printed when a run ends. */

import { expect, it } from "vitest"
import { answersOf, documentsOf } from "../../../test/support/documents.js"
import { UserError } from "../../errors.js"
import { chartqa } from "../tasks/chartqa.js"
import { detailcaps } from "../tasks/detailcaps.js"
import { markdownTable, notesOf, problemsOf, scoreRows } from "./printed.js"
import { scoreTask } from "./score-task.js"

it("lmms-eval's table has Python's numbers: of halves the even one", async () => {
  const docs = Array.from({ length: 32 }, (_, i) => ({
    type: "human_test",
    question: "?",
    answer: `a${i}`,
    image: null,
  }))
  const texts = docs.map(({ answer }, i) => (i === 0 ? answer : i === 1 ? undefined : ""))
  const all = await scoreTask(chartqa, documentsOf(docs), answersOf(texts.map((text) => text ?? "b")))
  expect(markdownTable([all])).toBe(
    [
      "|Tasks  |Version|Filter|n-shot|Metric             |   | Value|   |Stderr|",
      "|-------|-------|------|-----:|-------------------|---|-----:|---|------|",
      "|chartqa|Yaml   |none  |     0|relaxed_human_split|↑  |0.0312|±  |0.0312|",
      "|       |       |none  |     0|relaxed_overall    |↑  |0.0312|±  |0.0312|",
    ].join("\n"),
  )
  expect(scoreRows([all])[1]).toEqual(["chartqa", "relaxed_overall", "3.1", "0.6 to 15.7", "32"])
  expect(notesOf([all])).toEqual([
    "chartqa: 30 of 32 answers could not be read (documents 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …)",
  ])
  const part = await scoreTask(chartqa, documentsOf(docs), answersOf(texts), { partial: true })
  expect(notesOf([part]).at(-1)).toBe("chartqa: left out 1 document without an answer (1)")
})

it("why there is no score is said once, and not in the table", async () => {
  const doc = { image: "a", GT_Caption_GPT4O: "a", GT_Caption_GPT4V: "a", GT_Caption_Gemini15Pro: "a" }
  const encoder = (): never => {
    throw new UserError("there is no encoder")
  }
  const tools = { encoder }
  const scored = await scoreTask(detailcaps, documentsOf([doc]), answersOf(["a"]), { tools })
  const rows = scoreRows([scored]).slice(1)
  expect(rows.map((row) => row.slice(2, 4))).toEqual(Array.from({ length: 9 }, () => ["–", "–"]))
  const java = ["Bleu_4", "Bleu_3", "Bleu_2", "Bleu_1", "METEOR", "ROUGE_L", "CIDEr"].map(
    (name) => `detailcaps_${name}`,
  )
  expect(problemsOf([scored])).toEqual([
    expect.stringMatching(/^DetailCaps-4870, detailcaps_CAPTURE: it needs a parser/),
    expect.stringContaining(`DetailCaps-4870, ${java.join(", ")}: it needs COCO's Java programs`),
    "DetailCaps-4870, detailcaps_BERTScore: there is no encoder.",
  ])
})
