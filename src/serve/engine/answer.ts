/** Answers one request: its prompt once, then all its answers at the same time. */

import { UserError } from "../../errors.js"
import { resolveDecoding } from "../../generate/decoding.js"
import { decode, requireOptions } from "../../generate/generate.js"
import { merged } from "../../generate/merged.js"
import { inMode } from "../../generate/mode.js"
import { requestBytes } from "../../generate/request-bytes.js"
import type { Session } from "../../generate/session.js"
import type { DecodeDone } from "../../paradigms/decode-events.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import { DEFAULT_SEED, type DecodingReport } from "../../paradigms/decoding-report.js"
import type { Prompt } from "../../paradigms/prompt.js"
import { invalid } from "../api-error.js"
import type { AnswerEvent, AnswerRequest } from "../request.js"
import { type AnswerLength, answerLength } from "./length.js"
import { type PromptLimits, promptOf, sentenceOf } from "./prompt.js"
import { AnswerTrack } from "./track.js"

export interface AnswerLimits extends PromptLimits {
  /** Tokens of an answer at most. */
  answerTokens: number
}

/**
 * @param signal ends it at the next clean point
 * @throws ApiError for a request that the model cannot answer; whatever else is thrown is no fault of the request
 */
export async function* answer(
  opened: Session,
  request: AnswerRequest,
  limits: AnswerLimits,
  signal?: AbortSignal,
): AsyncGenerator<AnswerEvent, void, undefined> {
  const session = asApiError(() => inMode(opened, request.decoding.mode))
  asApiError(() => requireOptions(session, request.decoding))
  const prompt = await promptOf(session, request, limits, signal)
  try {
    yield* answers(session, prompt, request, limits, signal)
  } finally {
    // Handles of this request alone.
    for (const features of prompt.features ?? []) features.dispose()
  }
}

async function* answers(
  session: Session,
  prompt: Prompt,
  request: AnswerRequest,
  { answerTokens, memory }: AnswerLimits,
  signal?: AbortSignal,
): AsyncGenerator<AnswerEvent, void, undefined> {
  const { n, decoding } = request
  const promptTokens = prompt.ids.length
  if (n === 0) {
    yield { type: "started", promptTokens, maxTokens: 0 }
    return
  }
  const { blockSize, format } = decoding
  const limits = { asked: request.maxTokens, limit: answerTokens, blockSize, uncut: format !== undefined }
  const length = answerLength(session, promptTokens, limits)
  const options = { ...decoding, maxTokens: length.decoded }
  // What cannot be decoded is refused before anything is told.
  asApiError(() => resolveDecoding(session, options, promptTokens))
  const pictureTokens = prompt.ids.reduce((count, id) => count + (id < 0 ? 1 : 0), 0)
  const release = await memory?.take(n * requestBytes(session, { ...options, promptTokens, pictureTokens }), signal)
  try {
    yield { type: "started", promptTokens, maxTokens: length.most }
    // Answers to one question differ by the seed alone; the first is the one that is given alone.
    const seed = decoding.seed ?? DEFAULT_SEED
    const start = (index: number) =>
      oneAnswer(session, prompt, request, { ...options, seed: seed + index }, { index, length, signal })
    for await (const event of merged(n, n, start)) {
      if ("error" in event) throw event.error
      yield event.value
    }
  } finally {
    release?.()
  }
}

/** A mistake of the request's options as its own fault. */
function asApiError<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof UserError ? invalid(sentenceOf(error)) : error
  }
}

const warningOf = ({ warnings }: DecodingReport): { warning?: string } =>
  warnings.length > 0 ? { warning: warnings.join("; ") } : {}

async function* oneAnswer(
  session: Session,
  prompt: Prompt,
  { stop, progress, logProbabilities }: AnswerRequest,
  options: DecodingOptions,
  { index, length, signal }: { index: number; length: AnswerLength; signal?: AbortSignal },
): AsyncGenerator<AnswerEvent, void, undefined> {
  const { settings, report } = resolveDecoding(session, options, prompt.ids.length)
  const { eos, maskToken } = settings
  const { most, decoded } = length
  const promptTokens = prompt.ids.length
  const track = new AnswerTrack(session.tokenizer, { index, promptTokens, most, eos, maskToken, stop, progress })
  let done: DecodeDone | undefined
  const counts = { forwards: 0, milliseconds: 0, cachedTokens: 0 }
  const started = performance.now()
  for await (const event of decode(session, prompt, {
    ...options,
    signal,
    logProbabilities,
    given: () => track.given,
  })) {
    if (event.type === "done") done = event
    if (event.type === "prefill") counts.cachedTokens = event.cachedTokens ?? 0
    if (event.type !== "step") continue
    if (event.forward) counts.forwards++
    yield* track.step(event)
    // Leaving the loop gives the place in the executor back at once.
    if (track.stopped !== undefined || (track.tokens >= most && most < decoded)) break
  }
  counts.milliseconds = performance.now() - started
  const { ids, eosIndex } = done ?? { ids: new Int32Array(), eosIndex: undefined }
  yield* track.finish(ids.slice(0, eosIndex))
  const { forwards, milliseconds, cachedTokens = 0 } = done?.stats ?? counts
  yield {
    type: "finished",
    index,
    // What has its format is whole, also where only its length ended it: clients do not parse what was cut.
    reason: track.reason(options.format !== undefined || (eosIndex !== undefined && eosIndex < most)),
    ...(track.stopped !== undefined && { stop: track.stopped }),
    statistics: { tokens: track.tokens, forwards, milliseconds, cachedTokens, ...warningOf(report) },
  }
}
