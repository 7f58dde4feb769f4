/** What all documents count by one metric, and the clusters that they come in. */

import type { Compat, MetricTools, TaskMetric } from "../task/task.js"

export class MetricValues {
  /** In the order of the documents. */
  readonly values: unknown[] = []
  readonly documents: number[] = []
  readonly #clusters = new Map<string | number, number[]>()
  #prepared: readonly unknown[] = this.values

  constructor(readonly metric: TaskMetric) {}

  /** @param cluster the document is one of its own where there is none */
  add(document: number, cluster: string | undefined, value: unknown): void {
    const key = cluster ?? document
    const members = this.#clusters.get(key)
    if (members) members.push(this.values.length)
    else this.#clusters.set(key, [this.values.length])
    this.documents.push(document)
    this.values.push(value)
  }

  /** What needs a model is computed once, behind the last `add`. */
  async prepare(tools: MetricTools): Promise<void> {
    if (this.metric.prepare) this.#prepared = await this.metric.prepare(this.values, tools)
  }

  /** Where the values of each cluster are. */
  get clusters(): readonly (readonly number[])[] {
    return [...this.#clusters.values()]
  }

  /** Where the score is a plain mean: of which numbers. */
  get numbers(): number[] | undefined {
    return this.metric.number && this.#prepared.map((value) => this.metric.number!(value))
  }

  /** Where the score is a plain share: of which numbers, 1 for what is right; else as `numbers`. */
  get counts(): number[] | undefined {
    const { isRight } = this.metric
    return this.numbers ?? (isRight && this.#prepared.map((value) => Number(isRight(value))))
  }

  /**
   * @param positions of values, ascending @default all
   * @throws UserError when they cannot be put together
   */
  score(compat: Compat, positions?: readonly number[]): number | null {
    return this.metric.aggregate(positions ? positions.map((at) => this.#prepared[at]) : this.#prepared, compat)
  }

  parts(compat: Compat) {
    return this.metric.parts?.(this.#prepared, compat)
  }
}
