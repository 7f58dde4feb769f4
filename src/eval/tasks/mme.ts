/** MME: two yes-or-no questions about each picture (docs/evaluation.md 7.4). */

import { UserError } from "../../errors.js"
import { firstCharacters, lengthOf, strip } from "../task/python-text.js"
import type { Doc, PartScore, Task, TaskMetric } from "../task/task.js"
import { asked, pictureOf, plainOf, textOf } from "./parts/document.js"
import { grouped } from "./parts/shares.js"

interface MmeValue {
  question_id: unknown
  category: string
  score: number
}

const PERCEPTION = new Set([
  ...["existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR"],
])

const plain = (text: string): string => strip(text.toLowerCase()).replaceAll(".", "")

/** By its first four characters: "not sure" is no, "the answer is yes" is other. */
export function readYesNo(answer: string): "yes" | "no" | "other" {
  const text = plain(answer)
  if (lengthOf(text) === 1) return text === "y" ? "yes" : text === "n" ? "no" : "other"
  const beginning = firstCharacters(text, 4).join("")
  return beginning.includes("yes") ? "yes" : beginning.includes("no") ? "no" : "other"
}

function goldOf(doc: Doc): string {
  const gold = plain(textOf(doc, "answer"))
  if (gold !== "yes" && gold !== "no")
    throw new UserError(`the right answer is yes or no, not ${JSON.stringify(gold.slice(0, 40))}`, { where: "answer" })
  return gold
}

/** The mean of 0 to 200 over a category's pairs: their accuracy, and 100 more where both are right. */
function categoryScores(values: readonly unknown[]): PartScore[] {
  return [...grouped(values as MmeValue[], ({ category }) => category)].map(([name, questions]) => {
    const pairs = [...grouped(questions, ({ question_id }) => String(question_id))].map(([id, pair]) => {
      if (pair.length !== 2)
        throw new UserError(
          `${pair.length === 1 ? "one question was" : `${pair.length} questions were`} answered, not two`,
          {
            where: `${name}, ${id}`,
            fix: "MME scores pairs of questions: use an even --limit, and whole files",
          },
        )
      const right = pair[0].score + pair[1].score
      return (right === 2 ? 100 : 0) + (right / 2) * 100
    })
    return { name, count: pairs.length, score: pairs.reduce((sum, score) => sum + score, 0) / pairs.length }
  })
}

const metric = (name: string): TaskMetric => ({
  name,
  higherIsBetter: true,
  scale: 1,
  aggregate: (values) =>
    values.length === 0 ? null : categoryScores(values).reduce((sum, { score }) => sum + score, 0),
  parts: categoryScores,
})

export const mme: Task = {
  name: "mme",
  title: "MME",
  version: "Yaml",
  source: { dataset: "lmms-lab/MME", files: "data/test-", split: "test", count: 2374 },
  columns: ["question_id", "image", "question", "answer", "category"],
  generation: { max_new_tokens: 16, temperature: 0, top_p: 1, num_beams: 1, do_sample: false },
  ask(doc) {
    const question = strip(textOf(doc, "question")).replaceAll(" Please answer yes or no.", "")
    const context = `${question}\nAnswer the question using a single word or phrase.`
    return asked(context, () => [pictureOf(doc, "image")])
  },
  target: (doc) => plainOf(doc, "answer"),
  count(doc, { text }) {
    const read = readYesNo(text)
    const category = textOf(doc, "category")
    const value: MmeValue = {
      question_id: plainOf(doc, "question_id"),
      category,
      score: read === goldOf(doc) ? 1 : 0,
    }
    const name = PERCEPTION.has(category) ? "mme_perception_score" : "mme_cognition_score"
    return { values: { [name]: value }, unread: read === "other" }
  },
  metrics: [metric("mme_perception_score"), metric("mme_cognition_score")],
  cluster: (doc) => `${textOf(doc, "category")}/${textOf(doc, "question_id")}`,
}
