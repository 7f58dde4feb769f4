/** AI2D: school diagrams (docs/evaluation.md 7.8). */

import { UserError } from "../../errors.js"
import type { Doc, Task } from "../task/task.js"
import { asked, listOf, pictureOf, textOf, wholeNumberOf } from "./parts/document.js"
import { exactMatch, matched } from "./parts/exact-match.js"
import { isLetter, leadingLetter } from "./parts/letters.js"
import { exactMatchMetric } from "./parts/mean-metric.js"
import { LETTER_INSTRUCTION, letter, letteredLines } from "./parts/options.js"

/** The file has the number of the right option, from 0. */
function goldOf(doc: Doc): string {
  const index = wholeNumberOf(doc, "answer")
  const count = listOf(doc, "options").length
  if (index < 0 || index >= count)
    throw new UserError(`the right option is number ${index} of ${count}`, { where: "answer" })
  return letter(index)
}

export const ai2d: Task = {
  name: "ai2d",
  title: "AI2D",
  version: "Yaml",
  source: { dataset: "lmms-lab/ai2d", files: "data/test-", split: "test", count: 3088 },
  columns: ["question", "options", "answer", "image"],
  filter: "flexible-extract",
  generation: { max_new_tokens: 16, temperature: 0, do_sample: false },
  ask(doc) {
    const context = `${textOf(doc, "question")}\n${letteredLines(listOf(doc, "options"))}\n${LETTER_INSTRUCTION}`
    return asked(context, () => [pictureOf(doc, "image")])
  },
  target: goldOf,
  filtered: leadingLetter,
  count: (doc, { text }) => ({
    values: { exact_match: exactMatch(text, goldOf(doc)) },
    unread: !isLetter(matched(text)),
  }),
  metrics: [exactMatchMetric],
}
