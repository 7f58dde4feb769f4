/** How a server's model continues a text, without its chat template: OpenAI's legacy completions. */

import { isObject } from "../../checkpoint/json.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import { decodingFields, ServerLost } from "../../serve/client/remote.js"
import type { Reply } from "./answerer.js"
import type { Complete } from "./echoed.js"

/** @throws ServerLost where what it sends is no completion */
export async function continued(
  complete: Complete,
  context: string,
  decoding: DecodingOptions,
  signal?: AbortSignal,
): Promise<Reply> {
  const reply = await complete({ prompt: context, ...decodingFields(decoding) }, signal)
  const { choices, usage } = isObject(reply) ? reply : {}
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  if (!isObject(choice) || typeof choice.text !== "string") throw new ServerLost("the server sends no completion")
  const counts = isObject(usage) ? usage : {}
  const { forwards } = isObject(counts.diffusion) ? counts.diffusion : {}
  return {
    raw: choice.text,
    tokens: counted(counts.completion_tokens),
    forwards: counted(forwards),
    ended: choice.finish_reason === "stop",
  }
}

/** Servers need not tell. */
const counted = (value: unknown): number => (typeof value === "number" ? value : 0)
