/** Golden cases of evaluation: one list of records with a task, a stage, inputs and what is expected. */

import { Mismatch } from "../check.js"
import { isObject, type Json, recordsWith } from "../json.js"
import type { FixtureCase, Recogniser } from "../types.js"
import { AGGREGATE_STAGES } from "./evaluation/aggregate.js"
import { ANSWER_STAGES } from "./evaluation/answers.js"
import { HARNESS_STAGES } from "./evaluation/harness.js"
import { QUESTION_STAGES } from "./evaluation/questions.js"
import type { Stage } from "./evaluation/stage.js"

export const EVALUATION_STAGES: Readonly<Record<string, Stage>> = {
  ...QUESTION_STAGES,
  ...ANSWER_STAGES,
  ...AGGREGATE_STAGES,
  ...HARNESS_STAGES,
}

export const evaluationKind = (stage: string): string => `evaluation, ${stage}`

export const recogniseEvaluation: Recogniser = ({ value }) => {
  const stages = new Map<string, FixtureCase[]>()
  for (const record of recordsWith(value, "id", "task", "stage", "expected")) {
    const stage = String(record.stage)
    stages.set(stage, [...(stages.get(stage) ?? []), caseOf(record, stage)])
  }
  return [...stages].map(([stage, cases]) => ({ kind: evaluationKind(stage), cases }))
}

function caseOf(record: Json, stage: string): FixtureCase {
  return {
    id: String(record.id),
    async run() {
      if (!Object.hasOwn(EVALUATION_STAGES, stage)) throw new Mismatch(`there is no code for the stage ${stage}`)
      const actual = await EVALUATION_STAGES[stage](record)
      const difference = differenceOf(actual, record.expected, "")
      if (difference !== undefined) throw new Mismatch(difference)
    },
  }
}

/** Numbers may differ in the ninth digit: they were added in another order. */
const TOLERANCE = 1e-9

/** Where two values differ, keys of objects in any order. */
function differenceOf(actual: unknown, expected: unknown, where: string): string | undefined {
  const say = (): string => `${where || "the result"} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`
  if (typeof actual === "number" && typeof expected === "number") {
    const scale = Math.max(Math.abs(actual), Math.abs(expected))
    return actual === expected || Math.abs(actual - expected) <= TOLERANCE * scale ? undefined : say()
  }
  if (Array.isArray(actual) && Array.isArray(expected)) {
    if (actual.length !== expected.length) return say()
    return firstDifference(expected.keys(), (i) => differenceOf(actual[i], expected[i], `${where}[${i}]`))
  }
  if (isObject(actual) && isObject(expected)) {
    const keys = new Set([...Object.keys(actual), ...Object.keys(expected)])
    return firstDifference(keys, (key) => differenceOf(actual[key], expected[key], `${where}.${key}`))
  }
  return actual === expected ? undefined : say()
}

function firstDifference<K>(keys: Iterable<K>, differenceAt: (key: K) => string | undefined): string | undefined {
  for (const key of keys) {
    const difference = differenceAt(key)
    if (difference !== undefined) return difference
  }
  return undefined
}
