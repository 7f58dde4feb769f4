/** Means of numbers that know which part of the documents they are of. */

import { mean } from "../task/standard-error.js"
import type { PartScore, TaskMetric } from "../task/task.js"
import { grouped } from "../tasks/parts/shares.js"

export interface PartValue {
  score: number
  part: string
}

export const scoreOf = (value: unknown): number => (typeof value === "number" ? value : (value as PartValue).score)

/** Of the values that are of a part. */
export const partsOf = (values: readonly unknown[]): PartScore[] =>
  [
    ...grouped(
      values.filter((value): value is PartValue => typeof value === "object"),
      ({ part }) => part,
    ),
  ].map(([name, group]) => ({ name, count: group.length, score: mean(group.map(scoreOf)) ?? 0 }))

export const partMetric = (name: string, title = name): TaskMetric => ({
  name,
  title,
  higherIsBetter: true,
  number: scoreOf,
  aggregate: (values) => mean(values.map(scoreOf)),
  parts: partsOf,
})
