/** What is asked of the engine and what it tells, whatever protocol it came by. Plain data: it travels between processes. */

import type { DecodingOptions } from "../paradigms/decoding-options.js"
import type { Message } from "../text/message.js"

/** A picture's file: its bytes, or those in base64 as they came. */
export type Picture = { bytes: Uint8Array } | { base64: string | Uint8Array }

/** Decoding that a request may ask for; how long an answer gets is decided with its prompt at hand. */
export type AskedDecoding = Omit<DecodingOptions, "maxTokens" | "stop" | "reference" | "dropCache">

export interface AnswerRequest {
  /** Id of a model that is served. */
  model: string
  /** A conversation, or a text that is to be continued. */
  prompt: { messages: Message[] } | { text: string }
  /** One for each image part of the messages, in order. */
  pictures: Picture[]
  decoding: AskedDecoding
  /** Tokens of an answer at most. @default what the prompt leaves of the context, within the server's limit */
  maxTokens?: number
  /** Texts before which an answer ends. */
  stop: string[]
  /** Answers to the same prompt; 0: its tokens are counted, and that is all. */
  n: number
  /** So many of the likeliest tokens are told at each place, with their log-probabilities; 0: that of the token only. */
  logProbabilities?: number
  /** Whether drafts and commits are told. */
  progress: boolean
}

/** A token of a draft. */
export interface DraftToken {
  /** Counted from the answer's beginning. */
  position: number
  /** What stands there, or the best candidate while it is masked; null where none is known. Ends of an answer have the text "". */
  text: string | null
  /** Probability of the token in the step that last predicted it. */
  confidence: number | null
  fixed: boolean
}

export interface CommittedToken {
  position: number
  text: string
  confidence: number | null
}

/** A token of the answer with its log-probability under the model, in the step that made it final. */
export interface TokenLogProbability {
  token: string
  logProbability: number
  /** The likeliest tokens of that step, best first. */
  top: { token: string; logProbability: number }[]
}

/** What an answer took. */
export interface AnswerStatistics {
  /** Tokens of the answer, without its end. */
  tokens: number
  /** Forwards of the model that computed for it. */
  forwards: number
  /** Time in which the model computed for it, with the answers computed beside it. */
  milliseconds: number
  /** Tokens of the prompt that were not computed again. */
  cachedTokens: number
  /** A sentence about the answer, such as that the model was not trained for the mode. */
  warning?: string
}

/** Why an answer ended: by itself, before a text of `stop`, or at its limit. */
export type EndReason = "end" | "stop" | "length"

export type AnswerEvent =
  /** The prompt is ready, and its answers have a place. */
  | { type: "started"; promptTokens: number; maxTokens: number }
  /** Text that is final, after everything before it. */
  | { type: "text"; index: number; text: string; tokens?: TokenLogProbability[] }
  /** A block as it looks after a step. */
  | {
      type: "draft"
      index: number
      block: number
      step: number
      start: number
      end: number
      tokens: DraftToken[]
      forward?: { tokens: number; cached: number }
    }
  /** Positions [start, end) are final; `text` is what the answer grew by since the last commit. */
  | { type: "commit"; index: number; start: number; end: number; text: string; tokens: CommittedToken[] }
  | { type: "finished"; index: number; reason: EndReason; stop?: string; statistics: AnswerStatistics }

/** What is told of a model that is served. */
export interface ServedModel {
  id: string
  /** How it decodes when nobody asks for anything else; null where its paradigm has no such thing. */
  default: {
    block_size: number | null
    steps: number | null
    threshold: number | null
    remasking: string | null
    mode: string
  }
  paradigm: string
  /** Paradigms in which it can be decoded, the one that it was trained in first. */
  modes: string[]
  images: boolean
  /** Positions of prompt and answer together. */
  context: number
  /** Of its files, and of the type and device that it computes with: another one, another model. Other servers do not tell. */
  fingerprint?: string
}
