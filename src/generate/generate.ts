/** Messages and pictures in, text out: the one way in which the command line, evaluation and servers ask a model. */

import { maskToken } from "../checkpoint/config.js"
import { randomFrom } from "../data/prng.js"
import { UserError } from "../errors.js"
import { decodeAutoregressive } from "../paradigms/autoregressive/decoder.js"
import { decodeBlocks } from "../paradigms/block-diffusion/decoder.js"
import type { DecodeDone, DecodeEvent, DecodeStats } from "../paradigms/decode-events.js"
import type { Prompt } from "../paradigms/prompt.js"
import type { Message } from "../text/conversation.js"
import { AnswerView } from "./answer-view.js"
import { checkOptions, type DecodingOptions } from "./options.js"
import { type ImageSource, preparePrompt } from "./prepare.js"
import type { RemaskingDefaults, Session } from "./session.js"

export type { DecodingOptions } from "./options.js"

export interface GenerateOptions extends DecodingOptions {
  messages: readonly Message[]
  /** One for each image part of the messages, in order. */
  images?: readonly ImageSource[]
  signal?: AbortSignal
}

export interface GenerateStats extends DecodeStats {
  /** Rows of the prompt, those of images included. */
  promptRows: number
  /** Time from the images and messages to the embedded prompt. */
  prepareMilliseconds: number
}

export type GenerateEvent =
  /** Text that is final, after everything before it. */
  | { type: "text"; text: string }
  /** Block diffusion: the rest of the current block, one piece of text per token, null where it is still masked. */
  | { type: "step"; cells: (string | null)[] }
  /** `ids` are the answer's tokens before the first end-of-sequence token. */
  | { type: "done"; text: string; ids: Int32Array; stats: GenerateStats }

/**
 * Answers a conversation, in pieces.
 * @throws UserError for messages, images and options that do not fit the model; the reason of `signal` when aborted
 */
export async function* generate(
  session: Session,
  options: GenerateOptions,
): AsyncGenerator<GenerateEvent, void, undefined> {
  checkOptions(session, options)
  const started = performance.now()
  const prompt = await preparePrompt(session, options.messages, options.images)
  const prepareMilliseconds = performance.now() - started
  const promptRows = prompt.ids.length
  const view = new AnswerView(session.tokenizer, { promptRows, length: options.maxTokens ?? 128, eos: session.eos })
  let done: DecodeDone | undefined
  for await (const event of decode(session, prompt, options)) {
    if (event.type === "done") done = event
    if (event.type !== "step") continue
    const { text, cells } = view.update(event, maskOf(session))
    if (text !== "") yield { type: "text", text }
    if (session.paradigm === "block-diffusion") yield { type: "step", cells }
  }
  const { ids, eosIndex, stats } = done as DecodeDone
  const answer = ids.slice(0, eosIndex)
  const rest = view.finish(answer)
  if (rest !== "") yield { type: "text", text: rest }
  yield { type: "done", text: view.text, ids: answer, stats: { ...stats, promptRows, prepareMilliseconds } }
}

/** Answers a conversation. */
export async function generateText(
  session: Session,
  options: GenerateOptions,
): Promise<{ text: string; ids: Int32Array; stats: GenerateStats }> {
  for await (const event of generate(session, options)) {
    if (event.type === "done") return { text: event.text, ids: event.ids, stats: event.stats }
  }
  throw new Error("decoding ended without a result")
}

/** The events of the session's decoder on a prepared prompt, for those that want more than text. */
export function decode(
  session: Session,
  prompt: Prompt,
  options: DecodingOptions & { signal?: AbortSignal } = {},
): AsyncGenerator<DecodeEvent, void, undefined> {
  checkOptions(session, options)
  const { model, config, eos } = session
  const { maxTokens: genLength = 128, seed = 0, temperature, topK, topP, signal } = options
  const needed = prompt.ids.length + genLength
  if (needed > config.text.maxPositions)
    throw new UserError(
      `the prompt of ${prompt.ids.length} tokens and an answer of ${genLength} exceed the model's ${config.text.maxPositions}`,
      { fix: "shorten the prompt, show fewer images or ask for fewer tokens" },
    )
  const shared = { eos, genLength, temperature, topK, topP, uniform: randomFrom(seed), signal }
  if (session.paradigm === "autoregressive") return decodeAutoregressive(model, prompt, shared)
  const { blockDiffusion } = config
  const { reference, shift = blockDiffusion?.shift } = options
  const blockSize = options.blockSize ?? blockDiffusion?.blockSize ?? 8
  const blocks = {
    maskToken: maskToken(config),
    blockSize,
    steps: options.steps,
    ...remasking(session, options),
    shift,
    reference,
  }
  return decodeBlocks(model, prompt, { ...shared, ...blocks })
}

/** What is asked for; else what the model wants; else the authors' defaults. */
function remasking({ remasking: own }: Session, { steps, strategy, threshold }: DecodingOptions): RemaskingDefaults {
  if (strategy === "low_confidence_static") return { strategy }
  if (strategy !== undefined) return { strategy, threshold: threshold ?? own?.threshold }
  if (threshold !== undefined)
    return { strategy: own?.strategy === "sequential_dynamic" ? own.strategy : "low_confidence_dynamic", threshold }
  // A number of steps is asked for to make as many tokens final in each.
  return steps === undefined && own ? own : { strategy: "low_confidence_static" }
}

const maskOf = ({ config, paradigm }: Session): number | undefined =>
  paradigm === "block-diffusion" ? maskToken(config) : undefined
