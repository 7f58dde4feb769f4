/** How right the answer to a single document is. */

import { isObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import type { Task, TaskMetric } from "../task/task.js"

/** @returns 1 for right, 0 for wrong, or between; undefined where only several documents together are right or wrong */
export function creditOf(
  { metrics }: Pick<Task, "metrics">,
  values: Readonly<Record<string, unknown>>,
): number | undefined {
  for (const metric of metrics) {
    if (!(metric.name in values) || metric.unavailable !== undefined) continue
    const credit = creditBy(metric, values[metric.name])
    if (credit !== undefined) return credit
  }
  return undefined
}

function creditBy(metric: TaskMetric, value: unknown): number | undefined {
  // Its numbers are known only when a model has seen all of them.
  if (metric.prepare) return undefined
  if (metric.number) return metric.number(value)
  const recorded = isObject(value) ? value.score : value
  if (typeof recorded === "number" || typeof recorded === "boolean") return Number(recorded)
  try {
    const alone = metric.aggregate([value], {})
    return alone === null || Number.isNaN(alone) ? undefined : Number(alone > 0)
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}
