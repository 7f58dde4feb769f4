/** Answers to many questions, their forwards computed together. */

import { UserError } from "../../src/errors.js"
import { type GenerateOptions, generate } from "../../src/generate/generate.js"
import type { Session } from "../../src/generate/session.js"

export interface Answer {
  text: string
  /** Tokens of it, its end included where it has one. */
  tokens: number
  /** Forwards of the model until the answer and its end were known. */
  forwards: number
  /** Whether it ended by itself, before the limit of tokens. */
  ended: boolean
}

export interface AnswerRequest extends GenerateOptions {
  /** Where it is from, for errors. */
  where?: string
}

/**
 * Each answer as soon as it is known, in any order.
 * @param concurrent answers that are decoded at the same time; in float32 each is the one that is given alone
 * @throws what answering one of them throws; the reason of its signal when it is aborted
 */
export async function* answerAll(
  session: Session,
  requests: readonly AnswerRequest[],
  concurrent: number,
): AsyncGenerator<{ index: number; answer: Answer }, void, undefined> {
  for await (const event of generate(session, requests, { concurrent })) {
    if (event.type === "failed") throw failure(event.error, requests[event.request].where)
    if (event.type !== "done") continue
    const { text, ids, stats, decoding } = event
    const ended = ids.length < (decoding.applied.maxTokens.value as number)
    const tokens = ids.length + Number(ended)
    yield { index: event.request, answer: { text: text.trim(), tokens, forwards: stats.forwardsToEnd, ended } }
  }
}

function failure(error: unknown, where: string | undefined): unknown {
  if (!(error instanceof UserError) || where === undefined) return error
  const { message, fix } = error
  return new UserError(message, { where: error.where ? `${where}, ${error.where}` : where, fix, cause: error })
}
