/** Questions of a LLaVA-format file as a task: every record is a document, its last answer what is right. */

import { isObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import type { Doc, Task } from "../task/task.js"
import { asked, picturesOf } from "../tasks/parts/document.js"
import { meanMetric } from "../tasks/parts/mean-metric.js"

export interface QuestionMetric {
  name: string
  title: string
  /** 0 to 1. */
  score(answer: string, right: string): number
  /** Which questions it is about, by what is right. @default all */
  about?(right: string): boolean
}

/** @param tokens of an answer at most: full diffusion computes all of them */
export function questionTask(name: string, title: string, tokens: number, metrics: readonly QuestionMetric[]): Task {
  return {
    name,
    title,
    version: 1,
    columns: ["conversations"],
    generation: { gen_length: tokens },
    ask(doc) {
      const { question } = lastTurn(doc)
      return asked(question, () => (doc.image === undefined || doc.image === null ? [] : picturesOf(doc, "image")))
    },
    target: (doc) => lastTurn(doc).right,
    count(doc, { text }) {
      const { right } = lastTurn(doc)
      const own = metrics.filter(({ about }) => about?.(right) ?? true)
      return {
        values: Object.fromEntries(own.map(({ name, score }) => [name, score(text, right)])),
        unread: text === "",
      }
    },
    metrics: metrics.map(({ name }) => meanMetric(name)),
  }
}

/** @throws UserError when the record is no conversation that ends with an answer */
function lastTurn(doc: Doc): { question: string; right: string } {
  const turns = Array.isArray(doc.conversations) ? doc.conversations.filter(isObject) : []
  const [question, right] = turns.slice(-2).map(({ value }) => value)
  if (typeof question === "string" && typeof right === "string")
    return { question: question.replaceAll("<image>", "").trim(), right }
  throw new UserError("the record is no question with its answer", { where: "conversations" })
}
