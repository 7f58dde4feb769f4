/** ChartQA: a number may be off by a twentieth (docs/evaluation.md 7.9). */

import type { Task } from "../task/task.js"
import { isRelaxedCorrect } from "../text-match.js"
import { asked, pictureOf, plainOf, textOf } from "./parts/document.js"
import { meanMetric } from "./parts/mean-metric.js"

export const chartqa: Task = {
  name: "chartqa",
  title: "ChartQA",
  version: "Yaml",
  source: { dataset: "lmms-lab/ChartQA", files: "data/test-", split: "test", count: 2500 },
  columns: ["type", "question", "answer", "image"],
  generation: { max_new_tokens: 16, temperature: 0, do_sample: false },
  ask: (doc) =>
    asked(`${textOf(doc, "question")}\nAnswer the question with a single word.`, () => [pictureOf(doc, "image")]),
  target: (doc) => plainOf(doc, "answer"),
  count(doc, { text }) {
    const score = isRelaxedCorrect(text, textOf(doc, "answer")) ? 1 : 0
    const split = textOf(doc, "type") === "human_test" ? "relaxed_human_split" : "relaxed_augmented_split"
    return { values: { relaxed_overall: score, [split]: score }, unread: text === "" }
  },
  metrics: ["relaxed_overall", "relaxed_human_split", "relaxed_augmented_split"].map(meanMetric),
}
