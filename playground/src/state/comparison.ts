/** The comparison: one question, two ways to answer it. */

import { computed, signal } from "@preact/signals"
import { isRunning } from "../answer/answer.js"
import { NO_CHOICE } from "../protocol/choice.js"
import { type Question, requestOf } from "../protocol/request.js"
import { type Asked, ask } from "./asking.js"
import { system } from "./conversation.js"
import { modelOf } from "./models.js"
import { stored } from "./stored.js"

export type Side = 0 | 1
export const SIDES: readonly Side[] = [0, 1]

export const sides = [stored("side-0", NO_CHOICE), stored("side-1", NO_CHOICE)] as const
/** At the same time; else one after the other, so that each has the machine to itself. */
export const together = stored("together", false)
export const compared = signal<{ question: Question; asked: readonly [Asked?, Asked?] } | undefined>(undefined)

let stopped = false
const between = signal(false)
export const isComparing = computed(
  () => between.value || (compared.value?.asked.some((one) => one && isRunning(one.answer.value)) ?? false),
)

export async function compare(question: Question): Promise<void> {
  stopped = false
  between.value = true
  compared.value = { question, asked: [] }
  const start = (side: Side): Asked => {
    const choice = sides[side].peek()
    return ask(requestOf(choice, modelOf(choice.model), { system: system.peek(), before: [], question }))
  }
  const first = start(0)
  compared.value = { question, asked: [first] }
  if (!together.peek()) await first.finished
  if (!stopped) {
    const second = start(1)
    compared.value = { question, asked: [first, second] }
    await Promise.all([first.finished, second.finished])
  }
  between.value = false
}

export function stopComparing(): void {
  stopped = true
  for (const one of compared.peek()?.asked ?? []) one?.stop()
}
