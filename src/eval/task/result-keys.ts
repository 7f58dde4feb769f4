/** Keys of a task's results, as users of lmms-eval know them (docs/evaluation.md 8). */

import type { Task } from "./task.js"

/** The key of a metric's value, or of its standard error. */
export function resultKey({ filter = "none" }: Pick<Task, "filter">, metric: string, what: "value" | "error"): string {
  return `${metric}${what === "error" ? "_stderr" : ""},${filter}`
}

/** All keys of results[task]. */
export function resultKeys(task: Pick<Task, "filter" | "metrics" | "unlisted">): string[] {
  const names = [...task.metrics.map(({ name }) => name), ...(task.unlisted ?? [])]
  return ["alias", ...names.flatMap((name) => [resultKey(task, name, "value"), resultKey(task, name, "error")])]
}
