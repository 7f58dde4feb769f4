/** From what was decoded to the answer that is scored. */

import { cleanAnswer, cleanAutoregressiveAnswer } from "../task/clean.js"
import { strip } from "../task/python-text.js"
import type { Task } from "../task/task.js"
import { textsOf } from "./generation.js"

export interface CleaningRules {
  /** What the chat template ends a message with. */
  separator: string
  /** Further texts that end an answer. */
  stops: readonly string[]
  /** Nothing is cut: as the authors' wrapper of autoregressive models. */
  uncut: boolean
  /** Of a task whose answers keep their lines: they end before the first of these texts and of `stops`. */
  until?: readonly string[]
}

/** All that decides how an answer becomes the one that is scored: answers that were cut in another way are not taken for it. */
export function cleaningRules(task: Pick<Task, "whole" | "generation">, rules: CleaningRules): CleaningRules {
  return task.whole ? { ...rules, until: textsOf(task.generation, "until") } : rules
}

/** Tasks whose answers are whole go by their own stops; those of the others are cut as by the authors' wrappers. */
export function answerText(raw: string, rules: CleaningRules): string {
  if (rules.until) return wholeText(raw, [...rules.until, ...rules.stops])
  return rules.uncut ? cleanAutoregressiveAnswer(raw) : cleanAnswer(raw, rules)
}

function wholeText(raw: string, stops: readonly string[]): string {
  const ends = stops.map((stop) => (stop === "" ? -1 : raw.indexOf(stop))).filter((at) => at >= 0)
  return strip(raw.slice(0, Math.min(raw.length, ...ends)))
}
