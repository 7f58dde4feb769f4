/** A metric that looks at all answers together, or with a model of its own, as one of a task's. */

import { type Metric, metricName, metricNamed } from "../metrics.js"
import { mean } from "../task/standard-error.js"
import type { MetricTools, PartScore, TaskMetric } from "../task/task.js"
import { partsOf, scoreOf } from "./part-metric.js"

/** What an answer counts until all are judged; by these names the samples' file records it. */
export interface JudgedValue {
  pred: string
  answer: readonly string[]
  part?: string
}

export class JudgedMetric implements TaskMetric {
  readonly name: string
  readonly higherIsBetter = true
  #made: Promise<Metric> | undefined
  #title: string | undefined

  /** @param asked a name, or a name with an argument: "bertscore:FOLDER" */
  constructor(readonly asked: string) {
    this.name = metricName(asked)
  }

  get title(): string {
    return this.#title ?? this.name
  }

  async require(tools: MetricTools): Promise<Metric> {
    this.#made ??= metricNamed(this.asked, tools)
    const made = await this.#made
    this.#title = made.title
    return made
  }

  async prepare(values: readonly unknown[], tools: MetricTools): Promise<unknown[]> {
    if (values.length === 0) return []
    const judged = values as JudgedValue[]
    const metric = await this.require(tools)
    const answers = judged.map(({ pred, answer }) => ({ answer: pred, references: answer }))
    const scores = await metric.score(answers, tools.signal)
    return judged.map(({ part }, i) => (part === undefined ? scores[i] : { score: scores[i], part }))
  }

  number(value: unknown): number {
    return scoreOf(value)
  }

  aggregate(values: readonly unknown[]): number | null {
    return mean(values.map(scoreOf))
  }

  parts(values: readonly unknown[]): PartScore[] {
    return partsOf(values)
  }
}
