/** What is printed when a run ends. */

import { expect, it } from "vitest"
import { answersOf, documentsOf } from "../../../test/support/documents.js"
import { chartqa } from "../tasks/chartqa.js"
import { markdownTable, notesOf, scoreRows } from "./printed.js"
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
