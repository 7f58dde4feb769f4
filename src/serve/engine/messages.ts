/** What the server and the process that computes tell each other: plain data. */

import type { HubEvent } from "../../hub/download.js"
import type { AnswerEvent, AnswerRequest, ServedModel } from "../request.js"

/** A model that is to be served. */
export interface ModelToServe {
  /** What requests call it. */
  id: string
  /** Folder, built-in name, GGUF file or hub id. */
  source: string
  /** Of an adapter: the model that it belongs to. */
  base?: string
}

export interface EngineOptions {
  models: ModelToServe[]
  dtype?: string
  device?: string
  /** Pixels of a picture at most. */
  pixels: number
  /** Tokens of a prompt at most, pictures included. */
  promptTokens: number
  /** Tokens of an answer at most. */
  answerTokens: number
  /** Memory for all answers under way, in bytes. */
  cacheBytes: number
  /** Memory for what is kept of earlier requests, of each model. @default what the executor takes */
  prefixBytes?: number
}

export type ToEngine =
  | { type: "open"; options: EngineOptions }
  | { type: "answer"; id: number; request: AnswerRequest }
  | { type: "cancel"; id: number }

/** An error as it travels: what a client may know, and what the log says. */
export interface ToldError {
  /** Of HTTP; 500 for what is no fault of the request. */
  status: number
  message: string
  code?: string
  param?: string
  /** For the log. */
  reason?: string
}

/** Counts of the engine, for `/metrics`. */
export interface EngineCounts {
  /** Resident memory of the process. */
  residentBytes: number
  /** Memory that is promised to answers under way, and the most that ever was. */
  cacheBytes: number
  mostCacheBytes: number
  /** Requests that are worked on, the sequences that are decoded for them, and the memory that these hold. */
  requests: number
  sequences: number
  sequenceBytes: number
  /** Live tensors and their bytes. */
  tensors: number
  tensorBytes: number
  /** What was kept of earlier requests and found again, of all models together. */
  reuse: Record<string, number>
}

export type FromEngine =
  | { type: "beat"; counts?: EngineCounts }
  | { type: "download"; model: string; event: HubEvent }
  | { type: "ready"; model: ServedModel }
  | { type: "unavailable"; model: string; error: ToldError }
  | { type: "event"; id: number; event: AnswerEvent }
  /** The engine has nothing to do with the request any more. */
  | { type: "end"; id: number; error?: ToldError }
