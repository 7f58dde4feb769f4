/** How many tokens an answer gets: what is asked for, within what the prompt leaves of the context and the server's limit. */

import type { Session } from "../../generate/session.js"
import { MAX_TOKENS } from "../../paradigms/decoding-options.js"
import { invalid } from "../api-error.js"

export interface AnswerLength {
  /** Tokens of the answer at most. */
  most: number
  /** Tokens that are decoded: as many, or the whole blocks that hold them; with a format the whole blocks within them. */
  decoded: number
}

/**
 * @param asked tokens at most, if anything was said
 * @param limit the server's
 * @param uncut whether the end must not be cut off: the answer has a format
 * @throws ApiError when the prompt fills the context, or no block fits
 */
export function answerLength(
  { paradigm, config }: Pick<Session, "paradigm" | "config">,
  promptTokens: number,
  {
    asked,
    limit,
    blockSize = 1,
    uncut = false,
  }: { asked?: number; limit: number; blockSize?: number; uncut?: boolean },
): AnswerLength {
  const { maxPositions } = config.text
  const room = maxPositions - promptTokens
  // A whole answer is as long as it is asked for, so what is left of the context is no good default.
  const usual = paradigm.wholeAnswer ? MAX_TOKENS : limit
  const most = Math.min(asked ?? usual, limit, room)
  if (room < 1 || (paradigm.wholeAnswer && room < blockSize))
    throw invalid(
      `the prompt of ${promptTokens} tokens leaves no room for an answer within the model's ${maxPositions} positions`,
      "messages",
      "context_length_exceeded",
    )
  if (!paradigm.wholeAnswer) return { most, decoded: most }
  if (uncut && most < blockSize)
    throw invalid(
      `an answer with a format is not cut off, and no block of ${blockSize} tokens fits into the ${most} that may be generated`,
      "max_tokens",
    )
  const blocks = Math.min((uncut ? Math.floor : Math.ceil)(most / blockSize), Math.floor(room / blockSize))
  return { most: Math.min(most, blocks * blockSize), decoded: blocks * blockSize }
}
