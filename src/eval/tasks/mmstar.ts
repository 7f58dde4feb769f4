/** MMStar: questions that cannot be answered without the picture (docs/evaluation.md 7.3). */

import { firstCharacters, strip } from "../task/python-text.js"
import type { PartScore, Task, TaskMetric } from "../task/task.js"
import { asked, pictureOf, plainOf, textOf } from "./parts/document.js"
import { isLetter } from "./parts/letters.js"
import { grouped } from "./parts/shares.js"

interface MmstarValue {
  question_id: unknown
  l2_category: string
  score: number
}

const CATEGORIES = [
  ...["coarse perception", "fine-grained perception", "instance reasoning", "logical reasoning"],
  ...["science & technology", "math"],
]
/** Where the letter of an answer may stand: behind these words. */
const BEGINNINGS = ["", "(", "option ", "the answer is "]

const plain = (text: string): string => strip(text.toLowerCase()).replaceAll("\n", " ")

/** Characters of the answer at the places where its letter may stand. */
function lettersOf(answer: string): string[] {
  const text = plain(answer)
  const characters = firstCharacters(text, 16)
  return BEGINNINGS.filter((words) => text.startsWith(words)).flatMap((words) => characters[words.length] ?? [])
}

/** 1 if a letter of the answer is the gold's, else 0: "Dog" means D. */
const scoreMmstar = (answer: string, gold: string): number => (lettersOf(answer).includes(plain(gold)) ? 1 : 0)

/** Second-level categories weigh the same, whatever their size. */
function macroMean(values: readonly unknown[]): number | null {
  const scores = categoryScores(values)
  return scores.length === 0 ? null : scores.reduce((sum, { score }) => sum + score, 0) / scores.length
}

function categoryScores(values: readonly unknown[]): PartScore[] {
  return [...grouped(values as MmstarValue[], ({ l2_category }) => l2_category)].map(([name, group]) => ({
    name,
    count: group.length,
    score: group.reduce((sum, { score }) => sum + score, 0) / group.length,
  }))
}

const metric = (name: string): TaskMetric => ({
  name,
  higherIsBetter: true,
  aggregate: macroMean,
  parts: categoryScores,
})

export const mmstar: Task = {
  name: "mmstar",
  title: "MMStar",
  version: "Yaml",
  source: { dataset: "Lin-Chen/MMStar", files: "mmstar.parquet", split: "val", count: 1500 },
  columns: ["index", "question", "image", "answer", "category", "l2_category"],
  generation: {},
  ask(doc) {
    const question = strip(textOf(doc, "question")).replaceAll(" Please answer yes or no.", "")
    const context = `${question}\nAnswer with the option's letter from the given choices directly`
    return asked(context, () => [pictureOf(doc, "image")])
  },
  target: (doc) => plainOf(doc, "answer"),
  count(doc, { text }) {
    const value: MmstarValue = {
      question_id: plainOf(doc, "index"),
      l2_category: textOf(doc, "l2_category"),
      score: scoreMmstar(text, textOf(doc, "answer")),
    }
    return { values: { [textOf(doc, "category")]: value, average: value }, unread: !lettersOf(text).some(isLetter) }
  },
  metrics: [...CATEGORIES, "average"].map(metric),
}
