/** Golden cases of how answers are cleaned, filtered, read and scored. */

import { cleanAnswer } from "../../../../src/eval/task/clean.js"
import { strip } from "../../../../src/eval/task/python-text.js"
import { filteredAnswer } from "../../../../src/eval/task/sample-record.js"
import type { Doc, Task } from "../../../../src/eval/task/task.js"
import { readYesNo } from "../../../../src/eval/tasks/mme.js"
import { readChoice } from "../../../../src/eval/tasks/parts/multiple-choice.js"
import { isOpenAnswerRight, type OpenValue, readOpenAnswer } from "../../../../src/eval/tasks/parts/open-answer.js"
import { inferOption } from "../../../../src/eval/tasks/parts/option-inference.js"
import { letter } from "../../../../src/eval/tasks/parts/options.js"
import { isRelaxedCorrect } from "../../../../src/eval/text-match.js"
import { Mismatch } from "../../check.js"
import type { Json } from "../../json.js"
import { listIn, type Stage, taskOf, textIn } from "./stage.js"

/** Columns that scoring records and cases leave out. */
const FILLED: Doc = {
  ...{ id: "validation_Art_1", subject: "Art", index: 1, question_id: "1", idx: "1", image: "picture" },
  ...{ category: "math", l2_category: "geometry", data_type: "image", type: "human_test", task: "Counting" },
  ...{ image_relation: "", image_type: "", question: "" },
}

export const ANSWER_STAGES: Readonly<Record<string, Stage>> = {
  clean_generation: (record) =>
    cleanAnswer(textIn(record, "decoded"), {
      separator: textIn(record, "separator"),
      stops: listIn(record, "stopping_criteria") as string[],
    }),
  parse_multi_choice(record) {
    const options = listIn(record, "options")
    return readChoice(textIn(record, "response"), options) ?? { random_choice: options.map((_, i) => letter(i)) }
  },
  parse_open: (record) => inOrderOf(listIn(record, "expected"), readOpenAnswer(textIn(record, "response"))),
  score_open: (record) => {
    const gold = record.gold as string | string[]
    return isOpenAnswerRight(gold, readOpenAnswer(textIn(record, "response")))
  },
  parse_yes_no: (record) => readYesNo(strip(textIn(record, "response"))),
  relaxed_correctness: (record) => isRelaxedCorrect(strip(textIn(record, "response")), textIn(record, "gold")),
  score(record) {
    const { number } = scored(record, strip(textIn(record, "response")))
    return typeof record.expected === "boolean" ? number === 1 : number
  },
  filter_and_score(record) {
    const task = taskOf(record)
    const { filtered, text } = filteredAnswer(task, textIn(record, "response"), docOf(record, task))
    const { number } = scored(record, text)
    const wantsCorrect = Object.hasOwn((record.expected ?? {}) as Json, "correct")
    return { filtered, ...(wantsCorrect ? { correct: number === 1 } : { score: number }) }
  },
  infer_option(record) {
    const options = (record.options ?? {}) as Record<string, string>
    const all = Object.fromEntries(["A", "B", "C", "D"].map((one) => [one, options[one] ?? "nan"]))
    return inferOption(textIn(record, "prediction"), all) ?? null
  },
}

/** What an open answer may say has no order: that of what is expected. */
export function inOrderOf(expected: readonly unknown[], values: readonly OpenValue[]): OpenValue[] {
  const place = (value: unknown): number => expected.indexOf(value)
  return values.map(withoutInfinity).sort((a, b) => place(a) - place(b))
}

const withoutInfinity = (value: string | number): string | number =>
  typeof value === "number" && !Number.isFinite(value) ? pythonName(value) : value

const pythonName = (value: number): string => (Number.isNaN(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity")

/** A document with the gold and question of a case. */
function docOf(record: Json, task: Task): Doc {
  const gold = textIn(record, "gold")
  const lettered = Array.from({ length: 26 }, (_, i) => letter(i))
  const own = task.name === "ai2d" ? { options: lettered, answer: String(lettered.indexOf(gold)) } : { answer: gold }
  const said = Object.fromEntries(Object.entries(record).filter(([key]) => !NO_COLUMNS.has(key)))
  return { ...FILLED, ...said, ...own }
}

const NO_COLUMNS = new Set(["id", "task", "stage", "expected", "why", "response", "gold"])

/** What an answer alone scores. */
function scored(record: Json, text: string): { number: number } {
  const task = taskOf(record)
  const { values } = task.count(docOf(record, task), { text }, {})
  for (const metric of task.metrics) {
    if (values[metric.name] === undefined) continue
    const number = metric.aggregate([values[metric.name]], {})
    if (number !== null) return { number }
  }
  throw new Mismatch("nothing was scored")
}
