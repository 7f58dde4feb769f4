/** MMMU, validation split: college questions with pictures in their text, most with options (docs/evaluation.md 7.1). */

import { UserError } from "../../errors.js"
import type { Doc, Task } from "../task/task.js"
import { asked, plainOf, textOf } from "./parts/document.js"
import { isOpenAnswerRight, type OpenValue, readOpenAnswer } from "./parts/open-answer.js"
import { LETTER_INSTRUCTION } from "./parts/options.js"
import { choicePrompt, chosen, namedPictures } from "./parts/options-text.js"
import { subjectAccuracy, subjectParts } from "./parts/subject-accuracy.js"

interface MmmuValue {
  id: string
  subdomain: string
  question_type: string
  /** Several texts are as good as one another. */
  answer: string | readonly string[]
  parsed_pred: string | readonly (OpenValue | readonly OpenValue[])[]
}

const hasOptions = (doc: Doc): boolean => textOf(doc, "question_type") === "multiple-choice"

/** "Accounting" of validation_Accounting_1. @throws UserError for an id of another form */
export function subjectOfId(id: string): string {
  const [, subject] = /^[^_]*_(.+?)_\p{Nd}+$/u.exec(id) ?? []
  if (subject === undefined)
    throw new UserError("the id does not name a subject", { where: id, fix: "ids are like validation_Accounting_1" })
  return subject
}

/** Samples of newer versions of lmms-eval, which are compared with ours, hold a list of several answers' readings: of one, as a rule. */
function isRight({ question_type, answer, parsed_pred }: MmmuValue): boolean {
  const read = [parsed_pred].flat(2)
  if (question_type === "multiple-choice") return [answer].flat().some((gold) => gold === read[0])
  return isOpenAnswerRight(answer, read)
}

const subjectOf = ({ subdomain }: MmmuValue): string => subdomain

export const mmmuVal: Task = {
  name: "mmmu_val",
  title: "MMMU (val)",
  version: 0,
  source: { dataset: "lmms-lab/MMMU", files: "data/validation-", split: "validation", count: 900 },
  columns: ["id", "question", "options", "answer", "question_type"],
  generation: { max_new_tokens: 16 },
  ask(doc) {
    const context = hasOptions(doc)
      ? choicePrompt(doc, LETTER_INSTRUCTION)
      : `${textOf(doc, "question")}\n\nAnswer the question using a single word or phrase.`
    return asked(context, () => namedPictures(doc, context))
  },
  target: (doc) => plainOf(doc, "answer"),
  count(doc, { text }, compat) {
    const id = textOf(doc, "id")
    const value = { id, subdomain: subjectOfId(id), question_type: textOf(doc, "question_type"), answer: doc.answer }
    const submission = { [id]: text }
    if (!hasOptions(doc))
      return { values: { mmmu_acc: { ...value, parsed_pred: readOpenAnswer(text) }, submission }, unread: text === "" }
    const { letter, isRead } = chosen(text, doc, compat)
    return { values: { mmmu_acc: { ...value, parsed_pred: letter }, submission }, unread: !isRead }
  },
  metrics: [
    {
      name: "mmmu_acc",
      higherIsBetter: true,
      isRight: (value) => isRight(value as MmmuValue),
      aggregate: (values) => subjectAccuracy(values as MmmuValue[], subjectOf, isRight),
      parts: (values) => subjectParts(values as MmmuValue[], subjectOf, isRight),
    },
  ],
  unlisted: ["submission"],
}
