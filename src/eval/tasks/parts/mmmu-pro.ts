/** What both forms of MMMU-Pro have in common (docs/evaluation.md 7.2). */

import type { Doc, TaskMetric } from "../../task/task.js"
import { plainOf, textOf } from "./document.js"
import { subjectAccuracy, subjectParts } from "./subject-accuracy.js"

export const MMMU_PRO_INSTRUCTION = "Answer with the option letter from the given choices directly."

interface MmmuProValue {
  id: string
  subject: string
  answer: string
  parsed_pred: string
}

export const mmmuProValue = (doc: Doc, parsed: string) => ({
  id: plainOf(doc, "id"),
  subject: textOf(doc, "subject"),
  answer: plainOf(doc, "answer"),
  parsed_pred: parsed,
})

const subjectOf = ({ subject }: MmmuProValue): string => subject
const isRight = ({ answer, parsed_pred }: MmmuProValue): boolean => answer === parsed_pred

export const mmmuProAccuracy: TaskMetric = {
  name: "mmmu_acc",
  higherIsBetter: true,
  isRight: (value) => isRight(value as MmmuProValue),
  aggregate: (values) => subjectAccuracy(values as MmmuProValue[], subjectOf, isRight),
  parts: (values) => subjectParts(values as MmmuProValue[], subjectOf, isRight),
}
