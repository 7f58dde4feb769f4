/** MuirBench: questions about several pictures, many of them inside the question and its options (docs/evaluation.md 7.10). */

import { strip } from "../task/python-text.js"
import type { Task } from "../task/task.js"
import { asked, listOf, picturesOf, plainOf, textOf } from "./parts/document.js"
import { isLetter, leadingLetter } from "./parts/letters.js"
import { LETTER_INSTRUCTION, letteredLines } from "./parts/options.js"
import { shareOf, sharesBy } from "./parts/shares.js"

interface MuirValue {
  pred: string
  task: string
  idx: unknown
  image_relation: unknown
  answer: string
  image_type: unknown
}

const plain = (text: string): string => strip(text.toLowerCase())
const isRight = ({ pred, answer }: MuirValue): boolean => plain(pred) === plain(answer)

export const muirbench: Task = {
  name: "muirbench",
  title: "MuirBench",
  version: "Yaml",
  source: { dataset: "MUIRBENCH/MUIRBENCH", files: "data/test-", split: "test", count: 2600 },
  columns: ["idx", "task", "image_relation", "image_type", "question", "options", "answer", "image_list"],
  filter: "flexible-extract",
  generation: { max_new_tokens: 16, temperature: 0, do_sample: false },
  ask(doc) {
    const context = `${textOf(doc, "question")}\n${letteredLines(listOf(doc, "options"))}\n${LETTER_INSTRUCTION}`
    return asked(context, () => picturesOf(doc, "image_list"))
  },
  target: (doc) => plainOf(doc, "answer"),
  filtered: leadingLetter,
  count(doc, { text }) {
    const value: MuirValue = {
      pred: text,
      task: textOf(doc, "task"),
      idx: plainOf(doc, "idx"),
      image_relation: plainOf(doc, "image_relation"),
      answer: textOf(doc, "answer"),
      image_type: plainOf(doc, "image_type"),
    }
    return { values: { muirbench_score_overall: value }, unread: !isLetter(plain(text)) }
  },
  metrics: [
    {
      name: "muirbench_score_overall",
      higherIsBetter: true,
      isRight: (value) => isRight(value as MuirValue),
      aggregate: (values) => shareOf(values as MuirValue[], isRight),
      parts: (values) => sharesBy(values as MuirValue[], ({ task }) => task, isRight),
    },
  ],
}
