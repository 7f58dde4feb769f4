/** What is known of an answer to a document: a line of the answers' file. Plain data, so that scoring needs no model. */

import type { Json } from "../../checkpoint/json.js"

export interface KeptAnswer {
  /** Which document it is to, from 0, in the order of the data. */
  index: number
  /** A hash of what was asked, pictures included: an answer to anything else is out of date. */
  asked: string
  /** A hash of the pictures of what was asked, and of the data that they are in: where it is the same, they are. */
  pictures?: string
  data?: string
  /** The answer as it was decoded. */
  raw: string
  /** The answer as it is scored: cut and stripped (`answerText`). */
  text: string
  /** Tokens of it, its end included where it has one. */
  tokens: number
  /** Forwards of the model until the answer and its end were known; 0 where a server does not tell. */
  forwards: number
  /** Seconds since the answer before it, or since the first document was asked. */
  seconds: number
  /** Whether it ended by itself, before the limit of tokens. */
  ended: boolean
  /** Of each choice, for tasks that are scored by likelihood. */
  likelihoods?: ChoiceLikelihood[]
  /** Why there is none: the document counts as wrong. */
  failed?: string
  /** That may pass by itself: the next run asks again. */
  transient?: boolean
}

export interface ChoiceLikelihood {
  /** log p(choice | context), natural; what it means for each paradigm: docs/guide/evaluation.md. */
  logLikelihood: number
  /** Of an estimate. */
  standardError?: number
  /** Tokens it is a sum over. */
  tokens: number
  /** UTF-8 bytes of the choice. */
  bytes: number
}

/** That a line of a file has what scoring reads. */
export const isKeptAnswer = ({ asked, raw, text, tokens, forwards, seconds }: Json): boolean =>
  [asked, raw, text].every((value) => typeof value === "string") &&
  [tokens, forwards, seconds].every((value) => typeof value === "number")
