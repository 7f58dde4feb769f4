/** The score so far, of tasks whose score is a plain mean: for the progress. */

import { UserError } from "../../errors.js"
import { filteredAnswer } from "../task/sample-record.js"
import type { Counted, Doc, Task } from "../task/task.js"
import type { KeptAnswer } from "./kept-answer.js"

export class RunningScore {
  #sum = 0
  #count = 0

  constructor(readonly task: Task) {}

  add(doc: Doc, { text, likelihoods }: KeptAnswer): void {
    const metric = this.task.metrics.find(({ number, prepare }) => number && !prepare)
    if (!metric?.number) return
    const { values } = this.#counted(doc, text, likelihoods) ?? { values: {} }
    if (!(metric.name in values)) return
    this.#sum += metric.number(values[metric.name])
    this.#count++
  }

  /** The first metric that is a mean and needs no model of its own; undefined where there is none, or nothing was counted. */
  get value(): number | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count
  }

  /** What cannot be counted is told when everything is scored. */
  #counted(doc: Doc, answer: string, likelihoods: KeptAnswer["likelihoods"]): Counted | undefined {
    try {
      return this.task.count(doc, { text: filteredAnswer(this.task, answer, doc).text, likelihoods }, {})
    } catch (error) {
      if (error instanceof UserError) return undefined
      throw error
    }
  }
}
