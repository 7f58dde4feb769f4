/** RealWorldQA: questions about photographs, with options or without (docs/evaluation.md 7.7). */

import { BOUNDARY, SPACE, strip, WORD } from "../task/python-text.js"
import type { Task } from "../task/task.js"
import { asked, pictureOf, plainOf, textOf } from "./parts/document.js"
import { exactMatch, matched } from "./parts/exact-match.js"
import { exactMatchMetric } from "./parts/mean-metric.js"
import { letter } from "./parts/options.js"

const NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
const OPTION = new RegExp(`${BOUNDARY}[A-Z]\\.${SPACE}+([^\\n]*)`, "gu")
const PUNCTUATION = new RegExp(`(?!${WORD}|${SPACE})[^]`, "gu")

/** The letter of the option that the answer's text holds, by the options' order in the question; else the text without punctuation. */
function filterRealworldqa(answer: string, question: string): string {
  const number = NUMBERS.indexOf(answer.toLowerCase())
  const cleaned = strip((number >= 0 ? String(number) : answer).replace(PUNCTUATION, ""))
  const options = Array.from(question.matchAll(OPTION), ([, text]) => strip(text))
  const found = options.map((text) => cleaned.indexOf(text)).map((at) => (at < 0 ? Number.POSITIVE_INFINITY : at))
  const first = found.indexOf(Math.min(...found))
  if (first < 0 || found[first] === Number.POSITIVE_INFINITY) return cleaned
  // Of options with the same text, the last one.
  return letter(options.lastIndexOf(options[first]))
}

export const realworldqa: Task = {
  name: "realworldqa",
  title: "RealWorldQA",
  version: "Yaml",
  source: { dataset: "lmms-lab/RealWorldQA", files: "data/test-", split: "test", count: 765 },
  columns: ["image", "question", "answer"],
  filter: "flexible-extract",
  generation: { max_new_tokens: 16, temperature: 0, top_p: 1, num_beams: 1, do_sample: false },
  ask: (doc) => asked(strip(textOf(doc, "question")), () => [pictureOf(doc, "image")]),
  target: (doc) => plainOf(doc, "answer"),
  filtered: (answer, doc) => filterRealworldqa(answer, textOf(doc, "question")),
  count: (doc, { text }) => ({
    values: { exact_match: exactMatch(text, textOf(doc, "answer")) },
    unread: matched(text) === "",
  }),
  metrics: [exactMatchMetric],
}
