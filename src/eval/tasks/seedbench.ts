/** SEED-Bench: questions about a picture, or about frames of a video (docs/evaluation.md 7.5). */

import { firstCharacters, strip } from "../task/python-text.js"
import type { Task, TaskMetric } from "../task/task.js"
import { asked, picturesOf, plainOf, textOf } from "./parts/document.js"
import { LETTER_INSTRUCTION, letteredLines } from "./parts/options.js"
import { shareOf } from "./parts/shares.js"

interface SeedValue {
  pred: string
  answer: string
  question_id: unknown
}

const plain = (text: string): string => strip(text.toLowerCase())

const isRight = ({ pred, answer }: SeedValue): boolean => plain(pred) === plain(answer)

const metric = (name: string): TaskMetric => ({
  name,
  higherIsBetter: true,
  isRight: (value) => isRight(value as SeedValue),
  aggregate: (values) => shareOf(values as SeedValue[], isRight),
})

export const seedbench: Task = {
  name: "seedbench",
  title: "SEED-Bench",
  version: "Yaml",
  source: { dataset: "lmms-lab/SEED-Bench", files: "data/test-", split: "test", count: 17990 },
  columns: [
    ...["question", "choice_a", "choice_b", "choice_c", "choice_d", "answer", "data_type", "image", "question_id"],
  ],
  generation: { until: ["ASSISTANT:"], image_aspect_ratio: "original" },
  ask(doc) {
    const options = ["choice_a", "choice_b", "choice_c", "choice_d"].map((column) => textOf(doc, column))
    const context = `${textOf(doc, "question")}\n${letteredLines(options)}\n${LETTER_INSTRUCTION}`
    return asked(context, () => picturesOf(doc, "image"))
  },
  target: (doc) => plainOf(doc, "answer"),
  count(doc, { text }) {
    const pred = firstCharacters(strip(text), 1).join("")
    const value: SeedValue = { pred, answer: textOf(doc, "answer"), question_id: plainOf(doc, "question_id") }
    const values = { [`seed_${textOf(doc, "data_type")}`]: value, seed_all: value }
    return { values, unread: !/^[a-d]$/i.test(pred) }
  },
  metrics: [metric("seed_image"), metric("seed_video"), metric("seed_all")],
}
