/** The conversation of the chat page. */

import { signal } from "@preact/signals"
import { isRunning } from "../answer/answer.js"
import { NO_CHOICE } from "../protocol/choice.js"
import { type Exchange, type Question, requestOf } from "../protocol/request.js"
import { type Asked, ask } from "./asking.js"
import { modelOf } from "./models.js"
import { stored } from "./stored.js"

export interface Turn extends Asked {
  id: number
  question: Question
  /** Pictures of the whole conversation up to this question. */
  pictures: Question["pictures"]
}

export const choice = stored("choice", NO_CHOICE)
export const system = stored("system", "")
export const turns = signal<readonly Turn[]>([])

let count = 0

export function send(question: Question): void {
  const before = exchanges(turns.peek())
  const context = { system: system.peek(), before, question }
  const asked = ask(requestOf(choice.peek(), modelOf(choice.peek().model), context))
  const pictures = [...before.map((exchange) => exchange.question), question].flatMap(({ pictures }) => pictures)
  turns.value = [...turns.peek(), { ...asked, id: count++, question, pictures }]
}

/** Asks the last question again, with the settings as they are now. */
export function again(): void {
  const last = turns.peek().at(-1)
  if (!last) return
  last.stop()
  turns.value = turns.peek().slice(0, -1)
  send(last.question)
}

export function stop(): void {
  for (const turn of turns.peek()) if (isRunning(turn.answer.peek())) turn.stop()
}

export function clear(): void {
  stop()
  turns.value = []
}

/** What a next request tells of earlier turns: those that have an answer, or a part of one. */
function exchanges(turns: readonly Turn[]): Exchange[] {
  return turns
    .map(({ question, answer }) => ({ question, answer: answer.peek() }))
    .filter(({ answer }) => answer.status !== "failed" && answer.text !== "")
    .map(({ question, answer }) => ({ question, answer: answer.text }))
}
