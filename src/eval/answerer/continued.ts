/** How a server's model continues a text, without its chat template: OpenAI's legacy completions. */

import { isObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import { decodingFields, ServerLost, ServerRefusal } from "../../serve/client/remote.js"
import type { Reply } from "./answerer.js"
import type { Complete } from "./echoed.js"

/** @throws ServerLost where what it sends is no completion; UserError where the server has none: the same for all documents */
export async function continued(
  complete: Complete,
  context: string,
  decoding: DecodingOptions,
  signal?: AbortSignal,
): Promise<Reply> {
  const reply = await complete({ prompt: context, ...decodingFields(decoding) }, signal).catch((error) => {
    throw error instanceof ServerRefusal && [404, 405].includes(error.status) ? withoutCompletions(error) : error
  })
  const { choices, usage } = isObject(reply) ? reply : {}
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  if (!isObject(choice) || typeof choice.text !== "string") throw new ServerLost("the server sends no completion")
  const counts = isObject(usage) ? usage : {}
  const told = isObject(counts.diffusion) ? counts.diffusion : {}
  const forwards = counted(told.forwards)
  const ended = choice.finish_reason === "stop"
  const tokens = withEnd(counted(counts.completion_tokens), { forwards, ended })
  return { raw: choice.text, tokens, forwards, ended }
}

/** Tokens of an answer, its end among them: servers that tell forwards, which are ours, leave the end out, others count it. */
export const withEnd = (tokens: number, { forwards, ended }: Pick<Reply, "forwards" | "ended">): number =>
  tokens + Number(ended && forwards > 0)

const withoutCompletions = (refusal: ServerRefusal): UserError =>
  new UserError(`the server cannot be asked to continue a text: ${refusal.message}`, {
    where: refusal.where,
    fix: "give a server that has /v1/completions, or a model of this machine, or leave out tasks whose texts are continued",
    cause: refusal,
  })

/** Servers need not tell. */
const counted = (value: unknown): number => (typeof value === "number" ? value : 0)
