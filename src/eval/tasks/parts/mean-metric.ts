/** Metrics that are the mean of numbers. */

import { mean } from "../../task/standard-error.js"
import type { TaskMetric } from "../../task/task.js"

/** The mean of numbers, which has a standard error. */
export const meanMetric = (name: string): TaskMetric => ({
  name,
  higherIsBetter: true,
  number: Number,
  aggregate: (values) => mean(values.map(Number)),
})

export const exactMatchMetric = meanMetric("exact_match")
