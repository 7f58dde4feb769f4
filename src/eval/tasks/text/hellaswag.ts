/** HellaSwag (Zellers et al. 2019): which of four ends goes on with a text, by likelihood. */

import { UserError } from "../../../errors.js"
import { pythonText } from "../../task/python-literal.js"
import { strip } from "../../task/python-text.js"
import type { Doc } from "../../task/task.js"
import { listOf, textOf, wholeNumberOf } from "../parts/document.js"
import { meanMetric } from "../parts/mean-metric.js"
import { chosenByLikelihood } from "./by-likelihood.js"
import { textTask } from "./text-task.js"

/** Brackets are left from the pages that the texts are of. */
const cleaned = (text: string): string =>
  strip(text)
    .replaceAll(" [title]", ". ")
    .replace(/\[[^\n]*?\]/g, "")
    .replaceAll("  ", " ")

/** Letters whose capital at the beginning of a word is another than among capitals. */
const TITLE: Readonly<Record<string, string>> = { Ǆ: "ǅ", Ǉ: "ǈ", Ǌ: "ǋ", Ǳ: "ǲ" }

/** str.capitalize(): "éA" -> "Éa". */
function capitalised(text: string): string {
  const [first = "", ...rest] = text
  const [initial = "", ...others] = first.toUpperCase()
  return `${TITLE[initial] ?? initial}${`${others.join("")}${rest.join("")}`.toLowerCase()}`
}

const question = (doc: Doc): string =>
  cleaned(`${textOf(doc, "activity_label")}: ${textOf(doc, "ctx_a")} ${capitalised(textOf(doc, "ctx_b"))}`)

const endingsOf = (doc: Doc): string[] => listOf(doc, "endings").map((ending) => cleaned(pythonText(ending)))

function rightOf(doc: Doc): number {
  const right = wholeNumberOf(doc, "label")
  const count = listOf(doc, "endings").length
  if (right >= 0 && right < count) return right
  throw new UserError(`the right end is number ${right} of ${count}`, { where: "label" })
}

const SOURCE = { dataset: "Rowan/hellaswag" }

export const hellaswag = textTask({
  name: "hellaswag",
  title: "HellaSwag",
  version: 1,
  source: { ...SOURCE, files: "data/validation-", split: "validation", count: 10042 },
  columns: ["activity_label", "ctx_a", "ctx_b", "endings", "label"],
  generation: {},
  examples: {
    source: { ...SOURCE, files: "data/train-", split: "train" },
    count: 0,
    shown: (doc) => `${question(doc)} ${endingsOf(doc)[rightOf(doc)]}`,
  },
  question,
  options: endingsOf,
  right: rightOf,
  target: rightOf,
  count: (doc, answered) => ({ values: chosenByLikelihood(answered, endingsOf(doc), rightOf(doc)) }),
  metrics: [meanMetric("acc"), meanMetric("acc_norm")],
})
