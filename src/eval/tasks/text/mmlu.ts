/** MMLU (Hendrycks et al. 2021): questions of 57 subjects with four options each, by the likelihood of their letters. */

import { UserError } from "../../../errors.js"
import { strip } from "../../task/python-text.js"
import type { Doc, TaskMetric } from "../../task/task.js"
import { listOf, textOf, wholeNumberOf } from "../parts/document.js"
import { meanMetric } from "../parts/mean-metric.js"
import { letter, letteredLines } from "../parts/options.js"
import { sharesBy } from "../parts/shares.js"
import { chosenByLikelihood } from "./by-likelihood.js"
import { textTask } from "./text-task.js"

const LETTERS = ["A", "B", "C", "D"]

function question(doc: Doc): string {
  const choices = listOf(doc, "choices")
  if (choices.length !== LETTERS.length)
    throw new UserError(`the question has ${choices.length} options, not four`, { where: "choices" })
  return `${strip(textOf(doc, "question"))}\n${letteredLines(choices)}\nAnswer:`
}

function rightOf(doc: Doc): number {
  const right = wholeNumberOf(doc, "answer")
  if (right >= 0 && right < LETTERS.length) return right
  throw new UserError(`the right option is number ${right} of four`, { where: "answer" })
}

interface Value {
  subject: string
  right: number
}

const acc: TaskMetric = {
  ...meanMetric("acc"),
  number: (value) => (value as Value).right,
  aggregate: (values) =>
    meanMetric("acc").aggregate(
      values.map((value) => (value as Value).right),
      {},
    ),
  parts: (values) =>
    sharesBy(
      values as readonly Value[],
      ({ subject }) => subject,
      ({ right }) => right === 1,
    ),
}

const SOURCE = { dataset: "cais/mmlu", config: "all" }

export const mmlu = textTask({
  name: "mmlu",
  title: "MMLU",
  version: 1,
  source: { ...SOURCE, files: "all/test-", split: "test", count: 14042 },
  columns: ["question", "choices", "answer", "subject"],
  generation: {},
  described: (doc) =>
    `The following are multiple choice questions (with answers) about ${textOf(doc, "subject").replaceAll("_", " ")}.\n\n`,
  examples: {
    source: { ...SOURCE, files: "all/dev-", split: "dev" },
    count: 0,
    shown: (doc) => `${question(doc)} ${letter(rightOf(doc))}`,
    suits: (example, doc) => example.subject === doc.subject,
  },
  question,
  options: () => LETTERS,
  right: rightOf,
  target: (doc) => letter(rightOf(doc)),
  count: (doc, answered) => {
    const { acc } = chosenByLikelihood(answered, LETTERS, rightOf(doc))
    return { values: { acc: { subject: textOf(doc, "subject"), right: acc } satisfies Value } }
  },
  metrics: [acc],
})
