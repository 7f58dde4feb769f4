/** How good answers are. A metric is an object with a name; more of them can be registered. */

import { UserError } from "../errors.js"
import { loadTextEncoder } from "../models/encoders/text-encoder.js"
import { shown } from "../readable.js"
import { Registry } from "../registry.js"
import { bertScore } from "./bertscore.js"
import { ALIKE, type AlikeName, mostAlike } from "./text-match.js"

export interface Judged {
  answer: string
  /** What is right; the one that the answer is most like counts. */
  references: readonly string[]
}

export interface Metric {
  /** Column of a report. */
  title: string
  /** One score for each answer; 1 is perfect. */
  score(answers: readonly Judged[], signal?: AbortSignal): number[] | Promise<number[]>
}

/**
 * @param argument what stands behind the metric's name and a colon, such as the folder of a model
 * @throws UserError when it cannot be had
 */
export type MetricMaker = (argument: string | undefined, signal?: AbortSignal) => Metric | Promise<Metric>

const each =
  (name: AlikeName): MetricMaker =>
  (argument) => {
    if (argument !== undefined) throw new UserError(`${shown(argument)} is more than the metric takes`)
    const score = (answers: readonly Judged[]): number[] =>
      answers.map(({ answer, references }) => mostAlike(name, answer, references))
    return { title: ALIKE[name].title, score }
  }

/** BERTScore's F1 by the text encoder in a folder. */
const bertscore: MetricMaker = (folder) => {
  if (!folder)
    throw new UserError("BERTScore needs a text encoder", {
      fix: "name the folder of a BERT or RoBERTa model, such as bertscore:all-MiniLM-L6-v2",
    })
  const encoder = loadTextEncoder(folder)
  return {
    title: "BERTScore",
    async score(answers, signal) {
      const candidates = answers.map(({ answer }) => answer)
      const references = answers.map(({ references }) => references)
      return (await bertScore(candidates, references, { encoder, signal })).f1
    },
  }
}

interface KnownMetric {
  name: string
  make: MetricMaker
}

const metrics = new Registry<KnownMetric>("metric", [
  ...(Object.keys(ALIKE) as AlikeName[]).map((name) => ({ name, make: each(name) })),
  { name: "bertscore", make: bertscore },
])

/**
 * Makes a metric known to `--metric`.
 * @throws RangeError when there is one of the name
 */
export const registerMetric = (name: string, make: MetricMaker): void => metrics.register({ name, make })

/** A metric with the words it was asked for by. */
export type NamedMetric = Metric & { name: string }

/**
 * @param asked a name, or a name with an argument: "name:argument"
 * @throws UserError when there is no such metric, or it cannot be had
 */
export async function metricNamed(asked: string, signal?: AbortSignal): Promise<NamedMetric> {
  const [, name, argument] = /^([^:]*)(?::(.*))?$/s.exec(asked) ?? []
  const metric = metrics.find(name)
  if (metric) return { name: asked, ...(await metric.make(argument, signal)) }
  throw new UserError(`there is no metric ${shown(name)}`, { fix: `use ${metrics.names().join(", ")}` })
}
