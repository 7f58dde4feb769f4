/**
 * How likely texts are to a server's model, by OpenAI's legacy completions: servers that know `echo` and `logprobs` tell the prompt again,
 * token by token. The server makes the tokens; nothing of its model is needed here.
 */

import { isObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { ServerRefusal } from "../../serve/client/remote.js"
import type { ChoiceLikelihood } from "../run/kept-answer.js"

/** Asks `/v1/completions`. @throws ServerRefusal or ServerLost when it does not answer */
export type Complete = (body: Readonly<Record<string, unknown>>, signal?: AbortSignal) => Promise<unknown>

/** A text's tokens, and log p of each given those before it; of the first often null. */
export interface EchoedText {
  tokens: readonly string[]
  logs: readonly (number | null)[]
}

/** Statuses of what is not known there, or not wanted. */
const UNKNOWN: readonly number[] = [400, 404, 405, 415, 422, 501]
const PROBE = "One two three"

/** @throws UserError where the server knows no `echo`: the same for all documents */
export async function requireEcho(complete: Complete, signal?: AbortSignal): Promise<void> {
  try {
    await echoed(complete, PROBE, signal)
  } catch (error) {
    if (error instanceof ServerRefusal && !UNKNOWN.includes(error.status)) throw error
    if (!(error instanceof ServerRefusal || error instanceof NoEcho)) throw error
    throw new UserError(`the server cannot be asked how likely given answers are: ${error.message}`, {
      where: error.where,
      fix: "give a server whose /v1/completions knows echo and logprobs, such as vLLM, or a model of this machine, or leave out tasks that are scored by likelihood",
      cause: error,
    })
  }
}

class NoEcho extends UserError {}

/** @throws NoEcho where the reply has no log-probabilities of the prompt */
export async function echoed(complete: Complete, text: string, signal?: AbortSignal): Promise<EchoedText> {
  // None to generate is "as many as there are" to some servers: one is asked for, and left out.
  const reply = await complete({ prompt: text, echo: true, logprobs: 1, max_tokens: 1, temperature: 0 }, signal)
  const { choices = [], usage } = isObject(reply) ? reply : {}
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  const found = isObject(choice) && isObject(choice.logprobs) ? choice.logprobs : {}
  const { tokens, token_logprobs: logs } = found
  if (!isListOf(tokens, isText) || !isListOf(logs, isLog) || tokens.length !== logs.length)
    throw new NoEcho("it tells no log-probabilities of a prompt")
  const told = isObject(usage) ? usage.completion_tokens : undefined
  const length = tokens.length - (typeof told === "number" ? told : 1)
  if (length < 1) throw new NoEcho("it does not tell the prompt again")
  return { tokens: tokens.slice(0, length), logs: logs.slice(0, length) }
}

const isListOf = <T>(value: unknown, is: (one: unknown) => one is T): value is T[] =>
  Array.isArray(value) && value.every(is)
const isText = (value: unknown): value is string => typeof value === "string"
const isLog = (value: unknown): value is number | null => value === null || typeof value === "number"

/**
 * log p(choice | context) of each choice: of context and choice together, less that of the context alone. Where the tokens of both
 * begin alike these parts are left out, so that it is the sum over the choice's own tokens.
 * @throws UserError where a log-probability is missing
 */
export async function echoedLikelihoods(
  complete: Complete,
  context: string,
  choices: readonly string[],
  signal?: AbortSignal,
): Promise<ChoiceLikelihood[]> {
  const before = await echoed(complete, context, signal)
  const found: ChoiceLikelihood[] = []
  for (const choice of choices) {
    const whole = await echoed(complete, context + choice, signal)
    const end = Math.min(before.tokens.length, whole.tokens.length)
    let common = 0
    while (common < end && before.tokens[common] === whole.tokens[common]) common++
    found.push({
      logLikelihood: sumFrom(whole, common) - sumFrom(before, common),
      tokens: whole.tokens.length - common,
      bytes: Buffer.byteLength(choice),
    })
  }
  return found
}

function sumFrom({ logs }: EchoedText, from: number): number {
  let sum = 0
  for (let i = from; i < logs.length; i++) {
    const log = logs[i]
    // Nothing stands before the first token.
    if (log === null && i > 0) throw new UserError("the server does not tell how likely one of the tokens is")
    sum += log ?? 0
  }
  return sum
}
