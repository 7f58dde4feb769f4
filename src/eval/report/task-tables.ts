/** Scores of tasks as tables of a page. */

import { counted, formatDuration } from "../../readable.js"
import { type Content, details, type Html, html, table } from "../../report/html.js"
import { grouped, whole } from "../../report/numbers.js"
import { intervalText, scoreText } from "../results/printed.js"
import type { MetricResult, TaskResult } from "../results/task-result.js"

const scored = ({ metrics }: TaskResult): MetricResult[] => metrics.filter(({ value }) => value !== null)

export function scoreTable(tasks: readonly TaskResult[]): Html {
  const rows = tasks.flatMap((task) =>
    scored(task).map((metric, i): Content[] => [
      taskCell(task.title, metric.name, i === 0),
      html`<b>${scoreText(metric.value!, metric)}</b>`,
      intervalText(metric),
      whole(metric.documents),
      i > 0 ? "" : unreadText(task),
    ]),
  )
  const titles = ["", "score", "95 % interval", "documents", "not read"]
  return table(
    titles.map((title, i) => ({ title, number: i > 0 })),
    rows,
  )
}

/** A task's title above its first metric: one column, so that scores are seen on a phone. */
export const taskCell = (title: string, metric: string, isFirst: boolean): Html =>
  isFirst ? html`${title}<br><small>${metric}</small>` : html`<small>${metric}</small>`

/** Of all documents of the task: how many those are is said where its first metric is about some of them only. */
function unreadText({ unread, failed, unscored, documents: { effective }, metrics }: TaskResult): string {
  const others = Object.entries({ failed, "left out": unscored }).filter(([, { count }]) => count > 0)
  if (unread.count + others.length === 0) return "–"
  const of = metrics.find(({ value }) => value !== null)?.documents === effective ? "" : ` of ${effective}`
  return [`${unread.count}${of}`, ...others.map(([what, { count }]) => `${count} ${what}`)].join(" + ")
}

export function speedTable(tasks: readonly TaskResult[]): Html {
  const titles = ["", "answers", "tokens", "time", "tokens/s", "forwards per token", "ended (%)"]
  const rows = tasks.map(({ title, documents, speed }) => [
    title,
    whole(documents.effective),
    whole(speed.tokens),
    formatDuration(speed.seconds),
    grouped(speed.tokensPerSecond, 1),
    speed.forwardsPerToken?.toFixed(2) ?? "–",
    (100 * speed.ended).toFixed(0),
  ])
  return table(
    titles.map((title, i) => ({ title, number: i > 0 })),
    rows,
  )
}

/** Long lists of parts are folded away; of a task with several divisions one table each. */
export function partTables({ title, metrics, documents: { effective } }: TaskResult): Html[] {
  // Where a metric is about all documents, those about some of them say the same again.
  const overall = metrics.filter(({ documents, parts }) => documents === effective && parts.length > 0)
  const shown = (overall.length > 0 ? overall.slice(0, 1) : metrics).filter(({ parts }) => parts.length > 0)
  return shown.flatMap((metric) => {
    const divisions = [...new Set(metric.parts.map(({ by }) => by))]
    return divisions.map((by) => {
      const parts = metric.parts.filter((part) => part.by === by)
      const rows = parts.map(({ name, count, score }) => [name, whole(count), scoreText(score, metric)])
      const content = table(
        [{ title: by ?? "" }, { title: "count", number: true }, { title: "score", number: true }],
        rows,
      )
      const name = shown.length > 1 ? `${title}, ${metric.name}` : title
      return details(`${name}${by === undefined ? "" : `, by ${by}`}: ${counted(parts.length, "part")}`, content)
    })
  })
}
