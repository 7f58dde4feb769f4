/** Differences as people read them. */

import { scoreText } from "../results/printed.js"
import type { Comparison } from "./compare.js"
import type { Paired } from "./paired.js"

/** "+1.3" */
export function differenceText({ difference, ...metric }: Paired): string {
  if (difference === undefined) return "–"
  const text = scoreText(difference, metric)
  return difference > 0 ? `+${text}` : text
}

export const intervalOf = ({ certainty, ...metric }: Paired): string =>
  certainty ? `${scoreText(certainty.interval.low, metric)} to ${scoreText(certainty.interval.high, metric)}` : "–"

export function pText({ mcnemar }: Paired): string {
  if (!mcnemar) return "–"
  return mcnemar.p < 0.001 ? "< 0.001" : mcnemar.p.toFixed(3)
}

/** Why some have no p; undefined where all have one. */
export function pNote({ tasks }: Comparison): string | undefined {
  const without = new Map<string, Set<string>>()
  for (const { task, metrics } of tasks)
    for (const { metric, difference, mcnemar, clusters, documents } of metrics) {
      if (difference === undefined || mcnemar) continue
      const what = clusters < documents ? "groups of documents, which are drawn together," : "answers"
      const why = `${what} can be partly right in ${task}`
      without.set(why, (without.get(why) ?? new Set()).add(metric))
    }
  if (without.size === 0) return undefined
  const which = [...without].map(([why, metrics]) => `${why}: ${[...metrics].join(", ")}`).join("; ")
  return `where p is –, the interval alone tells how sure the difference is: McNemar's test counts what is either right or wrong (${which})`
}

/** Whether the interval lies on one side of no difference. */
export function isSure({ certainty, higherIsBetter }: Paired): "better" | "worse" | undefined {
  if (!certainty) return undefined
  const { low, high } = certainty.interval
  if (low <= 0 && high >= 0) return undefined
  return low > 0 === higherIsBetter ? "better" : "worse"
}

/** A table for each run beside the first; the first row is its head. */
export function differenceRows({ runs, tasks }: Comparison, run: number): string[][] {
  const head = ["task", "metric", runs[0].name, runs[run].name, "difference", "95 % interval", "p", "documents"]
  const rows = tasks
    .filter((task) => task.run === run)
    .flatMap(({ task, metrics }) =>
      metrics.map((paired) => [
        task,
        paired.metric,
        ...[paired.first, paired.second].map((score) => (score === null ? "–" : scoreText(score, paired))),
        differenceText(paired),
        paired.problem ?? intervalOf(paired),
        pText(paired),
        String(paired.documents),
      ]),
    )
  return [head, ...rows]
}
