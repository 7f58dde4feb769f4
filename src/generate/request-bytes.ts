/** What answering a request takes, known before it is answered: for whoever must not admit more than there is memory for. */

import type { DecodingOptions } from "../paradigms/decoding-options.js"
import { resolveDecoding } from "./decoding.js"
import { requireOptions } from "./generate.js"
import { inMode } from "./mode.js"
import type { Session } from "./session.js"

export interface AnswerSize extends DecodingOptions {
  /** Tokens of the prompt, those of pictures included. */
  promptTokens: number
  /** Of these, those of pictures. @default 0 */
  pictureTokens?: number
}

/**
 * Bytes that an answer holds until it is done (`Executor.requestBytes`), decoded as these options, the model's file and the
 * defaults say. Not in it: what a forward needs for a moment, and the pictures themselves while they are prepared.
 * @throws UserError for options that cannot be used
 */
export function requestBytes(opened: Session, { promptTokens, pictureTokens, ...options }: AnswerSize): number {
  const session = inMode(opened, options.mode)
  requireOptions(session, options)
  const { settings } = resolveDecoding(session, options, promptTokens)
  const { length } = session.paradigm.decode({ ids: new Int32Array(promptTokens) }, settings)
  return session.executor.requestBytes({ promptTokens, pictureTokens, length })
}
