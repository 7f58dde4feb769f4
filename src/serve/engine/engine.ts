/** What a server asks answers of, whether it computes in this process or in another one. */

import type { AnswerEvent, AnswerRequest, ServedModel } from "../request.js"
import type { EngineCounts } from "./messages.js"

export interface ModelState {
  id: string
  /** Once it is loaded. */
  model?: ServedModel
  /** Part of the download that is done, 0 … 1. */
  progress?: number
  /** Why it cannot be served. */
  error?: string
}

/** Whether the engine computes, is loading, or is started again after it ended. */
export type EngineState = "loading" | "ready" | "restarting" | "stopped"

export interface Engine {
  readonly state: EngineState
  models(): ModelState[]
  /** The last counts that were told. */
  counts(): EngineCounts | undefined
  /** Times that it was started again. */
  readonly restarts: number
  /**
   * The generator ends when the engine has really let go of the request: early when `signal` is aborted or nobody listens any more.
   * @throws ApiError
   */
  answer(request: AnswerRequest, signal?: AbortSignal): AsyncGenerator<AnswerEvent, void, undefined>
  /** Ends it; requests in flight fail. */
  close(): Promise<void>
}
