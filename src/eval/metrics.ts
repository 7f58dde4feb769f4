/** How good answers are. A metric is an object with a name; more of them can be registered. */

import { UserError } from "../errors.js"
import { loadTextEncoder } from "../models/encoders/text-encoder.js"
import { shown } from "../readable.js"
import { Registry } from "../registry.js"
import { bertScore } from "./bertscore.js"
import { metricTools } from "./metric-tools.js"
import type { MetricTools } from "./task/task.js"
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
 * @param tools what metrics that need a model of their own are computed with
 * @throws UserError when it cannot be had
 */
export type MetricMaker = (argument: string | undefined, tools: MetricTools) => Metric | Promise<Metric>

const each =
  (name: AlikeName): MetricMaker =>
  (argument) => {
    if (argument !== undefined) throw new UserError(`${shown(argument)} is more than the metric takes`)
    const score = (answers: readonly Judged[]): number[] =>
      answers.map(({ answer, references }) => mostAlike(name, answer, references))
    return { title: ALIKE[name].title, score }
  }

/** BERTScore's F1 by the text encoder in a folder, else by the one that benchmarks are scored with. */
const bertscore: MetricMaker = async (folder, tools) => {
  const encoder = folder ? loadTextEncoder(folder) : await tools.encoder()
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

/** The name of a metric that is asked for, which may have an argument: "name:argument". */
export const metricName = (asked: string): string => asked.split(":", 1)[0]

export const isMetric = (asked: string): boolean => metrics.find(metricName(asked)) !== undefined

export const metricNames = (): string[] => metrics.names()

/** @throws UserError when there is no such metric */
export function requireMetric(asked: string): KnownMetric {
  const name = metricName(asked)
  const metric = metrics.find(name)
  if (metric) return metric
  throw new UserError(`there is no metric ${shown(name)}`, { fix: `use ${metrics.names().join(", ")}` })
}

/** A metric with the words it was asked for by. */
export type NamedMetric = Metric & { name: string }

/**
 * @param asked a name, or a name with an argument: "name:argument"
 * @throws UserError when there is no such metric, or it cannot be had
 */
export async function metricNamed(asked: string, tools: MetricTools = metricTools()): Promise<NamedMetric> {
  const name = metricName(asked)
  const argument = name === asked ? undefined : asked.slice(name.length + 1)
  return { name: asked, ...(await requireMetric(asked).make(argument, tools)) }
}
