/** What a document lets choose from, of tasks that are scored by likelihood. */

import type { Doc, Task } from "../task/task.js"

export interface Choice {
  /** Without the space that joins it to the question. */
  text: string
  isRight: boolean
}

/** @returns undefined of tasks that offer none @throws UserError when the document lacks what is asked with */
export function choicesOf(task: Task, doc: Doc): Choice[] | undefined {
  const texts = task.ask(doc).choices?.map((choice) => choice.trim())
  if (!texts) return undefined
  const right = task.right?.(doc) ?? texts.indexOf(String(task.target(doc)).trim())
  return texts.map((text, i) => ({ text, isRight: i === right }))
}
