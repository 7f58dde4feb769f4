/** Whoever answers what a task asks: a model of this program, or a server. */

import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import type { LikelihoodBound } from "../../paradigms/paradigm.js"
import type { ChoiceLikelihood } from "../run/kept-answer.js"
import type { ModelRecord } from "../run/run-record.js"
import type { Asked } from "../task/task.js"

export interface AskOptions {
  decoding: DecodingOptions
  /** Likelihoods of choices are estimates of the bound that training lowers. @default exact */
  bound?: LikelihoodBound
  signal?: AbortSignal
}

export interface Reply {
  /** As it was decoded. */
  raw: string
  tokens: number
  forwards: number
  ended: boolean
  /** Of each choice, where choices were asked about. */
  likelihoods?: ChoiceLikelihood[]
}

/** What is wrong with the document, as a sentence: another one may still be answered. */
export interface Failed {
  failed: string
  /** It may pass by itself, as a server's own trouble does: the next run asks again. @default false */
  transient?: boolean
}

/** How much of the work was known from earlier requests. */
export interface ReuseStatistics {
  promptTokens: number
  /** Of these, those that were not computed again. */
  cachedTokens: number
  pictures: number
  /** Of these, those whose features were not computed again. */
  reusedPictures: number
}

export interface Answerer {
  record: ModelRecord
  /**
   * Several may be under way at a time.
   * @throws UserError when nothing can be answered any more; the reason of `signal` when it is aborted
   */
  answer(asked: Asked, options: AskOptions): Promise<Reply | Failed>
  /** Nothing of earlier requests is known any more: who asks next is served as the first was. */
  forget?(): void
  /** So far; undefined where nobody knows. */
  reuse?(): ReuseStatistics
}
