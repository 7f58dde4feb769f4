/**
 * Parts of the documents, for metrics that know none: found in the data, as fields with few different texts, each of
 * several documents, such as a category.
 */

import { isObject } from "../../checkpoint/json.js"
import type { Compat, Doc, PartScore } from "../task/task.js"
import { scoreOf } from "./estimate.js"
import type { MetricValues } from "./metric-values.js"

/** More parts than this are no overview. */
const MOST_PARTS = 40
/** Answers, and what they are chosen from and compared with, make no parts. */
const ANSWERS =
  /^(answers?|pred(iction)?|parsed_pred|gold|target|label|response|caption|question|score|choice_.|[A-H])$/i
const LONGEST_NAME = 60

export class Parts {
  /** Of each field the documents by its texts; undefined where there are too many. */
  readonly #fields = new Map<string, Map<string, number[]> | undefined>()
  #documents = 0

  add(document: number, doc: Doc, values: Readonly<Record<string, unknown>>): void {
    this.#documents++
    for (const [field, text] of Object.entries({ ...doc, ...Object.values(values).find(isObject) })) {
      if (typeof text !== "string" || text.length > LONGEST_NAME || ANSWERS.test(field)) continue
      if (!this.#fields.has(field)) this.#fields.set(field, new Map())
      const parts = this.#fields.get(field)
      const part = parts?.get(text)
      if (part) part.push(document)
      else if (parts && parts.size === MOST_PARTS) this.#fields.set(field, undefined)
      else parts?.set(text, [document])
    }
  }

  scores(of: MetricValues, compat: Compat): PartScore[] {
    const at = new Map(of.documents.map((document, position) => [document, position]))
    const seen = new Set<string>()
    return [...this.#fields].flatMap(([by, found]): PartScore[] => {
      if (!found || 2 * found.size > this.#documents) return []
      const parts = [...found].flatMap(([name, documents]) => {
        const positions = documents.flatMap((document) => at.get(document) ?? [])
        return positions.length > 0 ? [{ name, positions }] : []
      })
      // The same parts under another name say nothing new.
      const parted = parts.map(({ positions }) => `${positions[0]}+${positions.length}`).join()
      if (parts.length < 2 || seen.has(parted)) return []
      seen.add(parted)
      return parts.flatMap(({ name, positions }) => {
        const score = scoreOf(of, positions, compat)
        return score === null ? [] : [{ name, by, count: positions.length, score }]
      })
    })
  }
}
