/** A request to `/v1/chat/completions` → what the engine is asked. Pure. */

import { z } from "zod"
import type { Message } from "../../text/message.js"
import { invalid } from "../api-error.js"
import type { Asked } from "./asked.js"
import { maxTokens, stopTexts } from "./decoding.js"
import { COMMON_REFUSED, commonFields, decodingOf } from "./openai-fields.js"
import { type ContentPart, type PictureReference, pictureOf, written } from "./parts.js"
import { ignored, optional, readRequest, refuse } from "./read.js"

const MOST_MESSAGES = 4096
const MOST_PARTS = 1024

const part = z.looseObject({ type: z.string() })
const message = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(part).max(MOST_PARTS)]).nullish(),
})

const schema = z.strictObject({
  ...commonFields,
  messages: z.array(message).min(1).max(MOST_MESSAGES),
  max_completion_tokens: maxTokens,
  logprobs: optional(z.boolean()),
  top_logprobs: optional(z.int().min(0).max(20)),
  // Refused where they ask for something.
  tools: ignored,
  tool_choice: ignored,
  functions: ignored,
  function_call: ignored,
  modalities: ignored,
  audio: ignored,
  web_search_options: ignored,
  // Known, and without a meaning here.
  metadata: ignored,
  parallel_tool_calls: ignored,
  prediction: ignored,
  prompt_cache_retention: ignored,
  reasoning_effort: ignored,
  service_tier: ignored,
  store: ignored,
  verbosity: ignored,
})

export const TOOLS = "tools are not supported: these models answer with text"
const REFUSED = {
  ...COMMON_REFUSED,
  tools: TOOLS,
  functions: TOOLS,
  audio: "audio is not supported: these models read text and pictures and answer with text",
  web_search_options: "searching the web is not supported",
}

/** @throws ApiError for what is no request, or asks for what these models cannot do */
export function readChat(body: unknown): Asked {
  const asked = readRequest(schema, body)
  refuse(asked, REFUSED)
  if (Array.isArray(asked.modalities) && asked.modalities.some((kind) => kind !== "text"))
    throw invalid(REFUSED.audio, "modalities", "unsupported_parameter")
  if (asked.top_logprobs !== undefined && !asked.logprobs)
    throw invalid("top_logprobs needs logprobs to be true", "top_logprobs")
  const pictures: PictureReference[] = []
  const messages = asked.messages.map((one, i) => readMessage(one, `messages.${i}`, pictures))
  return {
    request: {
      model: asked.model,
      prompt: { messages },
      pictures,
      decoding: decodingOf(asked),
      maxTokens: asked.max_completion_tokens ?? asked.max_tokens,
      stop: stopTexts(asked.stop),
      n: asked.n ?? 1,
      ...(asked.logprobs && { logProbabilities: asked.top_logprobs ?? 0 }),
      progress: Boolean(asked.stream && asked.diffusion?.events),
    },
    askedFor: [asked.user, asked.prompt_cache_key, asked.safety_identifier],
    stream: asked.stream ?? false,
    usage: asked.stream_options?.include_usage ?? false,
  }
}

const ROLES: Record<string, Message["role"]> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
}

function readMessage(
  { role, content, tool_calls: calls }: z.infer<typeof message>,
  at: string,
  pictures: PictureReference[],
): Message {
  if (role === "tool" || role === "function" || (Array.isArray(calls) && calls.length > 0))
    throw invalid(TOOLS, at, "unsupported_parameter")
  const known = Object.hasOwn(ROLES, role) ? ROLES[role] : undefined
  if (!known) throw invalid(`${at}.role: expected system, developer, user or assistant`, `${at}.role`)
  if (typeof content === "string") return { role: known, content }
  const parts = (content ?? []).map((one, i) => readPart(one, `${at}.content.${i}`))
  if (known !== "user" && parts.some(({ type }) => type === "picture"))
    throw invalid(`${at}: pictures belong to messages of the user`, at)
  const { parts: said, pictures: shown } = written(parts)
  pictures.push(...shown)
  return { role: known, content: said }
}

const textPart = z.object({ text: z.string() })
const picturePart = z.object({ image_url: z.union([z.string(), z.object({ url: z.string() })]) })
const refusalPart = z.object({ refusal: z.string() })

function readPart(part: { type: string }, at: string): ContentPart {
  const read = <T>(schema: z.ZodType<T>): T => {
    const result = schema.safeParse(part)
    if (!result.success)
      throw invalid(`${at}: a part of type ${part.type} needs its ${result.error.issues[0].path.join(".")}`, at)
    return result.data
  }
  switch (part.type) {
    case "text":
      return { type: "text", text: read(textPart).text }
    case "refusal":
      return { type: "text", text: read(refusalPart).refusal }
    case "image_url": {
      const { image_url: image } = read(picturePart)
      return { type: "picture", picture: pictureOf(typeof image === "string" ? image : image.url) }
    }
    case "input_audio":
      throw invalid(REFUSED.audio, at, "unsupported_parameter")
    default:
      throw invalid(`${at}.type: expected text or image_url; other kinds of content are not supported`, at)
  }
}
