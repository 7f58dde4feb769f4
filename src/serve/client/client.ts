/** One way to ask a model, whether it is loaded in this program or served by another one. */

import type { Session } from "../../generate/session.js"
import type { Message } from "../../text/message.js"
import type { AskedDecoding, CommittedToken, DraftToken, ServedModel } from "../request.js"

export interface ClientRequest extends AskedDecoding {
  /** Id of the model. @default the one of the session, or the first that the server has */
  model?: string
  messages: readonly Message[]
  /** Paths, or the bytes of image files: one for each image part of the messages, in order. */
  images?: readonly (string | Uint8Array)[]
  /** Tokens of the answer at most. @default what the prompt leaves of the context, within the server's limit */
  maxTokens?: number
  /** Texts before which the answer ends. */
  stop?: readonly string[]
  signal?: AbortSignal
}

export interface ClientStatistics {
  promptTokens: number
  /** Tokens of the prompt that were not computed again. */
  cachedTokens: number
  /** Tokens of the answer. */
  tokens: number
  forwards: number
  /** Time of decoding. */
  milliseconds: number
  /** A sentence about the answer, such as that the model was not trained for the mode. */
  warning?: string
}

export type ClientEvent =
  /** Text that is final, after everything before it. */
  | { type: "text"; text: string }
  /** A block as it looks after a step; positions are counted from the answer's beginning. */
  | { type: "draft"; block: number; step: number; start: number; end: number; tokens: DraftToken[] }
  /** Positions [start, end) are final; `text` is what the answer grew by. */
  | { type: "commit"; start: number; end: number; text: string; tokens: CommittedToken[] }
  /** The whole answer; "length": it ended at its limit. */
  | { type: "done"; text: string; reason: "stop" | "length"; statistics: ClientStatistics }

/** Of servers that do not tell more only the id is known. */
export interface ListedModel extends ServedModel {
  /** False while it is being loaded. */
  ready?: boolean
  /** Why it cannot be loaded. */
  error?: string
}

export interface Client {
  /** @throws UserError when there is no server, or what it says is no list of models */
  models(): Promise<ListedModel[]>
  /**
   * Answers a conversation; whoever stops listening ends it.
   * @throws UserError for what cannot be answered; the reason of `signal` when it is aborted
   */
  answer(request: ClientRequest): AsyncGenerator<ClientEvent, void, undefined>
}

export type ClientOptions =
  /** A model of this program. */
  | { session: Session }
  /**
   * A server, such as http://127.0.0.1:8080. Without `events` nothing is asked of it that OpenAI's API does not have, and there are no drafts and
   * commits (@default true).
   */
  | { url: string; apiKey?: string; events?: boolean }
