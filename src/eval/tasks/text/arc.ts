/** ARC (Clark et al. 2018): science questions of schools, by the likelihood of their options. */

import { UserError } from "../../../errors.js"
import { pythonText } from "../../task/python-literal.js"
import type { Doc } from "../../task/task.js"
import { textOf } from "../parts/document.js"
import { meanMetric } from "../parts/mean-metric.js"
import { chosenByLikelihood } from "./by-likelihood.js"
import { type TextTask, textTask } from "./text-task.js"

function choicesOf(doc: Doc): { text: string[]; label: string[] } {
  const { text, label } = (doc.choices ?? {}) as { text?: unknown; label?: unknown }
  if (!Array.isArray(text) || !Array.isArray(label) || text.length !== label.length || text.length === 0)
    throw new UserError("the options are no texts with labels", { where: "choices" })
  return { text: text.map(pythonText), label: label.map(pythonText) }
}

/** Some questions have the labels 1, 2, 3, 4. */
function rightOf(doc: Doc): number {
  const { label } = choicesOf(doc)
  const right = label.indexOf(textOf(doc, "answerKey"))
  if (right >= 0) return right
  throw new UserError(`the right option is none of ${label.join(", ")}`, { where: "answerKey" })
}

const question = (doc: Doc): string => `Question: ${textOf(doc, "question")}\nAnswer:`

function arc(name: string, config: string, count: number): TextTask {
  const source = { dataset: "allenai/ai2_arc", config }
  return textTask({
    name,
    title: config,
    version: 1,
    source: { ...source, files: `${config}/test-`, split: "test", count },
    columns: ["question", "choices", "answerKey"],
    generation: {},
    examples: {
      source: { ...source, files: `${config}/train-`, split: "train" },
      count: 0,
      shown: (doc) => `${question(doc)} ${choicesOf(doc).text[rightOf(doc)]}`,
    },
    question,
    options: (doc) => choicesOf(doc).text,
    right: rightOf,
    target: rightOf,
    count: (doc, answered) => ({ values: chosenByLikelihood(answered, choicesOf(doc).text, rightOf(doc)) }),
    metrics: [meanMetric("acc"), meanMetric("acc_norm")],
  })
}

export const arcEasy = arc("arc_easy", "ARC-Easy", 2376)
export const arcChallenge = arc("arc_challenge", "ARC-Challenge", 1172)
