/** What a caller gives as messages and pictures, checked before anything looks inside: callers of JavaScript have no types. */

import { z } from "zod"
import { check } from "../checkpoint/schema-check.js"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"

const part = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("image") }),
])
const messages = z.array(
  z.object({ role: z.enum(["system", "user", "assistant"]), content: z.union([z.string(), z.array(part)]) }),
)

/** @throws UserError naming the message and the key that cannot be right */
export function checkMessages(value: unknown): void {
  check(messages, value, "messages")
}

/** @throws UserError for what is no request at all */
export function checkRequest(request: unknown): void {
  if (typeof request !== "object" || request === null || Array.isArray(request))
    throw new UserError(`a request must be an object, not ${shown(request)}`, {
      fix: 'give { messages: [{ role: "user", content: "…" }] }, with any options beside them',
    })
  const { signal, images } = request as Record<string, unknown>
  if (signal != null && !(signal instanceof AbortSignal))
    throw new UserError(`signal must be an AbortSignal, not ${shown(signal)}`)
  if (images != null && !Array.isArray(images)) throw new UserError(`images must be a list, not ${shown(images)}`)
}
