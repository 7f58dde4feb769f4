/** What is known of a task when its answers were scored. Plain data, which is what reports and files are made of. */

import type { TaskRecord } from "../run/run-record.js"
import type { Interval } from "../statistics/intervals.js"
import type { PartScore } from "../task/task.js"

/** How sure a score is. */
export interface Certainty {
  standardError: number
  interval: Interval
  /** "mean": over the documents; "bootstrap" and "half samples": by drawing clusters of documents. */
  method: "mean" | "bootstrap" | "half samples"
}

export interface MetricResult {
  name: string
  higherIsBetter: boolean
  /** What the score is multiplied by where the paper prints it. */
  scale: number
  /** null where there is nothing to score. */
  value: number | null
  /** Documents that it is the score of, and clusters that they come in. */
  documents: number
  clusters: number
  /** Sample standard deviation over √n of metrics that are plain means; of others lmms-eval writes N/A. */
  standardError?: number
  certainty?: Certainty
  /** Why there is no interval, where there is a value. */
  noInterval?: string
  /** Why there is no value. */
  problem?: string
  /** Scores of parts of the documents, such as categories. */
  parts: readonly PartScore[]
}

export interface Speed {
  /** That were decoded: of the answers, and one for each end. */
  tokens: number
  /** Answering them, prompts and pictures included. */
  seconds: number
  tokensPerSecond: number
  /** Undefined where no forwards were counted, as of a server's answers. */
  forwardsPerToken?: number
  /** Share of answers that ended within the limit of tokens. */
  ended: number
}

/** Documents of one kind: how many, and the first of them by their index. */
export interface Tally {
  count: number
  first: number[]
}

/** And why: each reason once. */
export interface ExplainedTally extends Tally {
  why: string[]
}

export interface TaskResult {
  task: string
  title: string
  version: number | string
  filter: string
  /** Examples before each question. @default 0 */
  shots?: number
  /** In the data; and those of them that were scored. */
  documents: { original: number; effective: number }
  /** What its likelihoods are, where it is scored by them. */
  likelihood?: TaskRecord["likelihood"]
  /** Of the documents. */
  fingerprint: string
  /** Nothing could be read from the answer: counted as wrong, or guessed where the authors' code guesses. */
  unread: Tally
  /** Answering failed; counted as wrong. */
  failed: ExplainedTally & {
    /** Of these, those whose trouble may pass by itself. */
    transient: number
  }
  /** Left out: what they ask or what is right cannot be read. */
  unscored: ExplainedTally
  /** They ask what is not checked: some metrics have no value of them. */
  unchecked?: ExplainedTally
  /** Not answered yet, and left out. */
  missing: Tally
  metrics: MetricResult[]
  /** Names of values that no metric puts together. */
  unlisted: readonly string[]
  speed: Speed
  /** What the benchmark's own server takes: a file's name -> what it holds. */
  submissions: Readonly<Record<string, unknown>>
}
