/** Messages and pictures in, text out: the one way in which the command line, evaluation and servers ask a model. */

import { randomFrom } from "../data/prng.js"
import { UserError } from "../errors.js"
import { checkOptions } from "../paradigms/check-options.js"
import type { DecodeDone, DecodeEvent, DecodeStats } from "../paradigms/decode-events.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"
import { DEFAULT_SEED, type DecodingReport } from "../paradigms/decoding-report.js"
import { withLogProbabilities } from "../paradigms/log-probabilities.js"
import type { Prompt } from "../paradigms/prompt.js"
import type { Message } from "../text/conversation.js"
import { AnswerView } from "./answer-view.js"
import { checkRequest } from "./check-request.js"
import { type ResolvedDecoding, resolveDecoding } from "./decoding.js"
import type { ImageSource } from "./image-source.js"
import { merged } from "./merged.js"
import { inMode } from "./mode.js"
import { explainDecodingError } from "./not-finite.js"
import { preparePrompt } from "./prepare.js"
import type { Session, Unloaded } from "./session.js"

export type { DecodingOptions } from "../paradigms/decoding-options.js"

export interface GenerateOptions extends DecodingOptions {
  messages: readonly Message[]
  /** One for each image part of the messages, in order. */
  images?: readonly ImageSource[]
  /** LLaDA's models lose the token behind each image, as in the authors' evaluation (docs/reference.md, Q22). @default false */
  dropAfterImage?: boolean
  signal?: AbortSignal
}

export interface GenerateStats extends DecodeStats {
  /** Tokens of the prompt, those of images included. */
  promptTokens: number
  /** Of these, those at its beginning that an earlier request had computed. */
  cachedTokens: number
  /** Time from the images and messages to the embedded prompt. */
  prepareMilliseconds: number
}

export type GenerateEvent =
  /** Text that is final, after everything before it. */
  | { type: "text"; text: string }
  /** Where tokens hide behind masks: the rest of the current block, one piece of text per token, null where it is still masked. */
  | { type: "step"; cells: (string | null)[] }
  /** `ids` are the answer's tokens before the first end-of-sequence token; `decoding` says what was applied. */
  | { type: "done"; text: string; ids: Int32Array; stats: GenerateStats; decoding: DecodingReport }

/** An event of one of several requests; a request that failed says why, and the others go on. */
export type RequestEvent = { request: number } & (GenerateEvent | { type: "failed"; error: unknown })

/** Requests that are answered at the same time when nobody says: their caches lie in memory together. */
const CONCURRENT = 8

/**
 * Answers a conversation, in pieces.
 * @throws UserError for messages, images and options that do not fit the model; the reason of `signal` when aborted
 */
export function generate(session: Session, request: GenerateOptions): AsyncGenerator<GenerateEvent, void, undefined>
/**
 * Answers several, their forwards computed together: each gets the answer it gets alone.
 * @param options.concurrent how many are under way at a time; the others wait. @default 8
 */
export function generate(
  session: Session,
  requests: readonly GenerateOptions[],
  options?: { concurrent?: number },
): AsyncGenerator<RequestEvent, void, undefined>
export function generate(
  session: Session,
  requests: GenerateOptions | readonly GenerateOptions[],
  { concurrent = CONCURRENT }: { concurrent?: number } = {},
): AsyncGenerator<GenerateEvent | RequestEvent, void, undefined> {
  return isList(requests) ? generateAll(session, requests, concurrent) : generateOne(session, requests)
}

const isList = (requests: GenerateOptions | readonly GenerateOptions[]): requests is readonly GenerateOptions[] =>
  Array.isArray(requests)

async function* generateAll(
  session: Session,
  requests: readonly GenerateOptions[],
  concurrent: number,
): AsyncGenerator<RequestEvent, void, undefined> {
  if (!Number.isInteger(concurrent) || concurrent < 1)
    throw new RangeError(`concurrent must be a positive integer, not ${concurrent}`)
  for await (const event of merged(requests.length, concurrent, (i) => generateOne(session, requests[i])))
    yield "error" in event
      ? { request: event.index, type: "failed", error: event.error }
      : { request: event.index, ...event.value }
}

async function* generateOne(opened: Session, options: GenerateOptions): AsyncGenerator<GenerateEvent, void, undefined> {
  checkRequest(options)
  const session = inMode(opened, options.mode)
  requireOptions(session, options)
  const started = performance.now()
  const prompt = await preparePrompt(session, options.messages, options.images, options)
  try {
    yield* answerPrompt(session, prompt, performance.now() - started, options)
  } finally {
    // Handles of this request alone.
    for (const features of prompt.features ?? []) features.dispose()
  }
}

async function* answerPrompt(
  session: Session,
  prompt: Prompt,
  prepareMilliseconds: number,
  options: GenerateOptions,
): AsyncGenerator<GenerateEvent, void, undefined> {
  const promptTokens = prompt.ids.length
  const decoding = resolveDecoding(session, options, promptTokens)
  const { genLength, eos, maskToken, stop } = decoding.settings
  const view = new AnswerView(session.tokenizer, { promptTokens, length: genLength, eos, stop })
  let done: DecodeDone | undefined
  for await (const event of run(session, prompt, decoding, options)) {
    if (event.type === "done") done = event
    if (event.type !== "step") continue
    const { text, cells } = view.update(event, maskToken)
    if (text !== "") yield { type: "text", text }
    if (session.paradigm.masks) yield { type: "step", cells }
  }
  const { ids, eosIndex, stats } = done as DecodeDone
  const answer = ids.slice(0, eosIndex)
  const rest = view.finish(answer)
  if (rest !== "") yield { type: "text", text: rest }
  const report = decoding.report
  yield {
    type: "done",
    text: view.text,
    ids: answer,
    stats: { ...stats, promptTokens, cachedTokens: stats.cachedTokens ?? 0, prepareMilliseconds },
    decoding: report,
  }
}

/** Answers a conversation. */
export async function generateText(
  session: Session,
  options: GenerateOptions,
): Promise<{ text: string; ids: Int32Array; stats: GenerateStats; decoding: DecodingReport }> {
  if (Array.isArray(options))
    throw new UserError("generateText() answers one request, and was given a list", {
      fix: "give { messages, images }, or use generate() for several requests",
    })
  for await (const event of generate(session, options)) {
    if (event.type === "done") {
      const { type: _, ...result } = event
      return result
    }
  }
  throw new Error("decoding ended without a result")
}

export interface DecodeOptions extends DecodingOptions {
  signal?: AbortSignal
  /** Steps also tell the log-probabilities of their tokens under the model, and of so many of the likeliest at each place. */
  logProbabilities?: number
  /** Tokens that were given on when nobody listens any more: the next turn finds these. @default all */
  given?: () => number
}

/** The events of the session's decoder on a prepared prompt, for those that want more than text. */
export function decode(
  opened: Session,
  prompt: Prompt,
  options: DecodeOptions = {},
): AsyncGenerator<DecodeEvent, void, undefined> {
  const session = inMode(opened, options.mode)
  requireOptions(session, options)
  return run(session, prompt, resolveDecoding(session, options, prompt.ids.length), options)
}

/** @throws UserError naming the option that cannot be used */
export function requireOptions(session: Unloaded, options: DecodingOptions): void {
  const { name, paradigm, trainedIn, config } = inMode(session, options.mode)
  const isTrained = trainedIn === undefined
  checkOptions({ name, paradigm, isTrained, maxPositions: config.text.maxPositions }, options)
}

async function* run(
  session: Session,
  prompt: Prompt,
  decoding: ResolvedDecoding,
  { seed = DEFAULT_SEED, signal, logProbabilities, given }: DecodeOptions,
): AsyncGenerator<DecodeEvent, void, undefined> {
  const { config, executor, paradigm } = session
  const { genLength } = decoding.settings
  if (prompt.ids.length + genLength > config.text.maxPositions)
    throw new UserError(
      `the prompt of ${prompt.ids.length} tokens and an answer of ${genLength} exceed the model's ${config.text.maxPositions}`,
      { fix: "shorten the prompt, show fewer images or ask for fewer tokens" },
    )
  try {
    const plain = paradigm.decode(prompt, { ...decoding.settings, uniform: randomFrom(seed) })
    const loop = logProbabilities === undefined ? plain : withLogProbabilities(plain, logProbabilities)
    yield* executor.run(prompt, loop, { signal, given })
  } catch (error) {
    throw explainDecodingError(error, session, prompt)
  }
}
