/** Answers to scores. No model is needed: what was answered is kept, and can be scored anew. */

import { UserError } from "../../errors.js"
import { columnsWithoutPictures } from "../documents/columns-without-pictures.js"
import type { Documents } from "../documents/documents.js"
import type { KeptAnswer } from "../run/kept-answer.js"
import { sentenceOf } from "../run/survey.js"
import type { ResamplingOptions } from "../statistics/resampling.js"
import { filteredAnswer } from "../task/sample-record.js"
import type { Compat, Counted, Doc, MetricTools, Task } from "../task/task.js"
import { drawsOfItsOwn, estimate } from "./estimate.js"
import { MetricValues } from "./metric-values.js"
import { Parts } from "./parts.js"
import { SpeedSum } from "./speed-sum.js"
import type { ExplainedTally, MetricResult, Tally, TaskResult } from "./task-result.js"

/** What is known of each document that was asked, by its index. */
export type Answers = Pick<ReadonlyMap<number, KeptAnswer>, "get">

export interface ScoreOptions extends ResamplingOptions {
  /** What undecidable answers draw from. */
  compat?: Compat
  /** Metrics that need a model of their own have no value without. */
  tools?: MetricTools
  /** Scores the documents before this one only. @default all */
  to?: number
  /** Which of them were to be answered. @default all */
  includes?: (index: number) => boolean
  /** Documents without an answer are left out, and counted. @default false */
  partial?: boolean
  /** Told of each document that is scored, in their order. */
  onSample?: (sample: ScoredSample) => void | Promise<void>
  signal?: AbortSignal
}

/** One document, what was answered, and what that counts. */
export interface ScoredSample {
  index: number
  /** Without its pictures. */
  doc: Doc
  answer: KeptAnswer
  /** What is scored of the answer. */
  text: string
  counted: Counted
  /** Of the documents that it belongs to. */
  cluster?: string
}

/**
 * Reads the documents once, one at a time; what stays of each is what it counts. One that cannot be scored is left out, and named.
 * @throws UserError when a document has no answer and `partial` is not set, there is no answer at all, or no document can be scored
 */
export async function scoreTask(
  task: Task,
  documents: Documents,
  answers: Answers,
  options: ScoreOptions = {},
): Promise<TaskResult> {
  const { compat = {}, tools = NO_TOOLS, to = documents.count, includes = () => true, partial = false } = options
  const { onSample, signal, seed, resamples } = options
  const end = Math.min(to, documents.count)
  const missing = missingOf(answers, end, includes)
  if (missing.count > 0 && (!partial || missing.count === missing.asked)) throw notAnswered(task, missing)

  const metrics = new Map(task.metrics.map((metric) => [metric.name, new MetricValues(metric)]))
  const parts = new Parts()
  const speed = new SpeedSum()
  const [unread, failed, unscored] = [tally(), { ...explained(), transient: 0 }, explained()]
  const unchecked = explained()
  let unscorable: UserError | undefined
  let effective = 0
  for await (const { index, doc } of documents.rows({
    to: end,
    columns: await columnsWithoutPictures(documents, task.clusterColumn),
    pictures: task.clusterColumn === undefined ? [] : [task.clusterColumn],
  })) {
    signal?.throwIfAborted()
    const answer = includes(index) ? answers.get(index) : undefined
    if (!answer) continue
    if (answer.failed === undefined) speed.add(answer)
    const scored = countedOf(task, doc, answer, compat)
    if (scored instanceof UserError) {
      noted(unscored, index, sentenceOf(scored))
      unscorable ??= new UserError(sentenceOf(scored), {
        where: documents.where(index),
        fix: scored.fix,
        cause: scored,
      })
      continue
    }
    const { counted } = scored
    if (answer.failed !== undefined) {
      noted(failed, index, answer.failed)
      failed.transient += Number(answer.transient === true)
    } else if (counted.unread) noted(unread, index)
    if (counted.unchecked !== undefined) noted(unchecked, index, counted.unchecked)
    const cluster = task.cluster?.(doc)
    for (const [name, value] of Object.entries(counted.values)) metrics.get(name)?.add(index, cluster, value)
    parts.add(index, doc, counted.values)
    effective++
    await onSample?.({ index, doc, answer, cluster, ...scored })
  }

  if (effective === 0 && unscorable) throw unscorable

  const results: MetricResult[] = []
  const ownDraws = drawsOfItsOwn(compat)
  const wholes = new Set(wholeMetrics([...metrics.values()]))
  const partsOf = (of: MetricValues) => (wholes.has(of) ? parts.scores(of, ownDraws) : [])
  for (const of of metrics.values())
    results.push(await estimate(of, { compat, tools: { ...tools, signal }, seed, resamples, partsOf }))
  const values = Object.fromEntries([...metrics].map(([name, { values }]) => [name, values]))
  return {
    task: task.name,
    title: task.title,
    version: task.version,
    filter: task.filter ?? "none",
    ...(task.shots !== undefined && { shots: task.shots }),
    documents: { original: documents.count, effective },
    fingerprint: documents.fingerprint,
    unread,
    failed,
    unscored,
    ...(unchecked.count > 0 && { unchecked }),
    missing: { count: missing.count, first: missing.first },
    metrics: results,
    unlisted: task.unlisted ?? [],
    speed: speed.result,
    submissions: task.submissions?.(values, compat) ?? {},
  }
}

/** What is wrong with a document that has no score: it cannot be asked, or what would be right is not known. */
function countedOf(task: Task, doc: Doc, { text: answer, likelihoods, failed }: KeptAnswer, compat: Compat) {
  try {
    task.ask(doc)
    task.target(doc)
    const { text } = filteredAnswer(task, answer, doc)
    // Nobody guesses in the place of a model that has not answered.
    return { text, counted: task.count(doc, { text, likelihoods }, failed === undefined ? compat : {}) }
  } catch (error) {
    if (error instanceof UserError) return error
    throw error
  }
}

const NO_TOOLS: MetricTools = {
  encoder: () => Promise.reject(new UserError("BERTScore needs a text encoder", { fix: "name its folder" })),
}

/** Documents of a kind that are named. */
const MOST_NAMED = 10

const tally = (): Tally => ({ count: 0, first: [] })
const explained = (): ExplainedTally => ({ ...tally(), why: [] })

function noted(tally: Tally | ExplainedTally, index: number, why?: string): void {
  tally.count++
  if (tally.first.length < MOST_NAMED) tally.first.push(index)
  if (why !== undefined && "why" in tally && tally.why.length < MOST_NAMED && !tally.why.includes(why))
    tally.why.push(why)
}

/** Metrics about all documents that any metric is about, such as an average beside its categories; of several the first. */
function wholeMetrics(metrics: readonly MetricValues[]): MetricValues[] {
  return metrics.filter((of, i) => {
    const own = new Set(of.documents)
    return !metrics.some((other, j) => {
      const within = i !== j && own.size <= other.documents.length && (j < i || own.size < other.documents.length)
      return within && other.documents.filter((document) => own.has(document)).length === own.size
    })
  })
}

function missingOf(answers: Answers, end: number, includes: (index: number) => boolean): Tally & { asked: number } {
  const missing = { ...tally(), asked: 0 }
  for (let index = 0; index < end; index++) {
    if (!includes(index)) continue
    missing.asked++
    if (!answers.get(index)) noted(missing, index)
  }
  return missing
}

function notAnswered(task: Task, { count, first, asked }: Tally & { asked: number }): UserError {
  const where = task.name
  if (count === asked)
    return new UserError(`none of ${asked} documents is answered`, { where, fix: "run the evaluation first" })
  const which = `${first.slice(0, 3).join(", ")}${count > 3 ? ", …" : ""}`
  return new UserError(
    count === 1
      ? `document ${which} of ${asked} is not answered`
      : `${count} of ${asked} documents are not answered: ${which}`,
    { where, fix: "let the evaluation finish (the same command goes on), or score what there is with --partial" },
  )
}
