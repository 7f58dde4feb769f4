/**
 * A benchmark is one object: where its documents are, what each asks, and how answers are read, counted and put together. It
 * knows nothing of models, files of answers or reports.
 */

import type { TextEncoder } from "../../models/encoders/text-encoder.js"
import type { Message } from "../../text/message.js"
import type { PythonRandom } from "./python-random.js"

/** A row of a data file: column -> value. Pictures are as they lie in the file, not yet decoded. */
export type Doc = Readonly<Record<string, unknown>>

/** A picture of a document. */
export interface DocPicture {
  /** The encoded file. */
  bytes: Uint8Array
  /** What the document calls it, for errors and reports. */
  name: string
  /** Whether an orientation that its EXIF tag asks for is applied; the hub's image columns are, plain bytes are not. @default true */
  upright?: boolean
}

/** Where a task's documents come from when the user names no file: a dataset of the hub. */
export interface HubSource {
  dataset: string
  /** Folder or start of the files' names inside the dataset, such as "data/test-". */
  files: string
  /** What users of the hub call them. */
  config?: string
  split: string
  /** How many documents the published data has, where it is known. */
  count?: number
}

/** What is asked of a model about one document, without any chat template or picture placeholder added. */
export interface Asked {
  context: string
  /**
   * Looked up when they are read: the context alone can be had of a document without its pictures.
   * @throws UserError where there are none, or no pictures
   */
  readonly pictures: readonly DocPicture[]
  /**
   * The whole conversation, where more was said than the context: it is asked as it stands, `pictures` in the order of its image
   * parts, or in front where it has none; the context is its last question in words.
   */
  readonly messages?: readonly Message[]
  /** The answers to choose from, for tasks that are scored by likelihood; each continues the context. */
  choices?: readonly string[]
  /** The context is text that the model continues as it stands, without its chat template: for base models, and for perplexity. @default false */
  plain?: boolean
}

/** What a model answered. */
export interface Answered {
  /** The answer, cleaned as the wrapper does (docs/evaluation.md 3.6) and filtered; outer whitespace is gone. */
  text: string
  /** Of each choice, where there are choices: log-likelihood, and over how many tokens. */
  likelihoods?: readonly { logLikelihood: number; tokens: number; bytes: number }[]
}

/** How strictly the authors' oddities are followed. */
export interface Compat {
  /** Draws where the authors' code guesses at random; undefined: never guess, what cannot be read is wrong. */
  draw?: PythonRandom
}

/** What one answer counts. */
export interface Counted {
  /** By the metrics' names; what `aggregate` of the metric gets, and what the samples' file records. */
  values: Readonly<Record<string, unknown>>
  /** Nothing could be read from the answer: it counts as wrong, or was guessed. */
  unread?: boolean
  /** What is asked of it and not checked, a sentence: some metrics have no value of the document. */
  unchecked?: string
}

/** What metrics that need a model of their own are computed with. */
export interface MetricTools {
  /** The encoder of BERTScore. @throws UserError where there is none */
  encoder(): Promise<TextEncoder>
  signal?: AbortSignal
}

/** The score of a part of the values, such as a subject or a category. */
export interface PartScore {
  name: string
  /** What it is one of, where values are divided in several ways. */
  by?: string
  /** How many of what is scored: questions, pairs or pictures. */
  count: number
  score: number
}

export interface TaskMetric {
  name: string
  /** Column of a report. @default the name */
  readonly title?: string
  higherIsBetter: boolean
  /** Why it is not computed here; its keys are in the results, without a value. */
  unavailable?: string
  /**
   * Looks for what `prepare` needs, before anything is asked.
   * @throws UserError where it is not there
   */
  require?(tools: MetricTools): Promise<unknown>
  /**
   * What needs a model, once for all values, before `aggregate` gets them; resampling does not repeat it.
   * @throws UserError where `tools` lack what is needed
   */
  prepare?(values: readonly unknown[], tools: MetricTools): Promise<readonly unknown[]>
  /**
   * The score of all values, in the order of the documents.
   * @returns null where there is nothing to score
   * @throws UserError when the values cannot be put together, such as half of a pair
   */
  aggregate(values: readonly unknown[], compat: Compat): number | null
  /** By subjects, categories or tasks, as the authors' program prints them, on the scale of `aggregate`. */
  parts?(values: readonly unknown[], compat: Compat): readonly PartScore[]
  /** Of tasks whose score is the plain mean of numbers: the number of a value. They get a standard error. */
  number?(value: unknown): number
  /** Of tasks whose score is the plain share of right answers, and has no standard error in lmms-eval: whether a value is right. */
  isRight?(value: unknown): boolean
  /** What a score of 1 in the paper's tables is multiplied by. @default 100 */
  scale?: number
}

export interface Task {
  /** What --tasks calls it, as lmms-eval does. */
  name: string
  title: string
  /** As lmms-eval's results write it. */
  version: number | string
  source?: HubSource
  /** Columns without which nothing can be asked or scored; checked before the model is loaded. */
  columns: readonly string[]
  /** Columns whose pictures it looks at; files that others name are not opened. @default all */
  pictures?: readonly string[]
  /** The filter's name in the keys of results. @default "none" */
  filter?: string
  /** The task file's options of generation, as the authors have them (docs/evaluation.md 3.4). */
  generation: Readonly<Record<string, unknown>>
  /**
   * Answers of several lines are meant, such as reasoning: they end before the first of `generation.until`, and keep their full stops.
   * @default they are cut at the first line break and lose a full stop, as by the authors' wrapper (docs/evaluation.md 3.6)
   */
  whole?: boolean
  /** @throws UserError when the document lacks what is asked with */
  ask(doc: Doc): Asked
  /** Examples before each question. @default 0 */
  shots?: number
  /** What is right, as samples' files write it. */
  target(doc: Doc): unknown
  /** Which choice is right, from 0, of tasks that are scored by likelihood. @default the one that `target` is */
  right?(doc: Doc): number
  /** What the filter makes of an answer. @default the answer */
  filtered?(answer: string, doc: Doc): string
  count(doc: Doc, answered: Answered, compat: Compat): Counted
  metrics: readonly TaskMetric[]
  /** Names of values that no metric puts together; lmms-eval's results have an empty list for each. */
  unlisted?: readonly string[]
  /**
   * Files for the benchmark's own server or tables: name -> what is written as JSON; rows of a sheet where it ends with .xlsx.
   * @param values by the metrics' names, in the order of the documents
   */
  submissions?(values: Readonly<Record<string, readonly unknown[]>>, compat: Compat): Readonly<Record<string, unknown>>
  /** Documents that only make sense together, such as two questions about a picture: the unit of resampling. @default each its own */
  cluster?(doc: Doc): string | undefined
  /** The column that `cluster` reads, where it may be one of pictures: scoring reads the others without. */
  clusterColumn?: string
}
