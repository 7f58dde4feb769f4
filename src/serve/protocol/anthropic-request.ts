/** A request to Anthropic's `/v1/messages` → what the engine is asked. Pure. */

import { z } from "zod"
import type { Message } from "../../text/message.js"
import { invalid } from "../api-error.js"
import type { Asked } from "./asked.js"
import {
  diffusion,
  diffusionDecoding,
  formatDecoding,
  outputFormat,
  sampling,
  stopTexts,
  temperature,
  topK,
  topP,
} from "./decoding.js"
import { TOOLS } from "./openai-chat.js"
import { type ContentPart, type PictureReference, pictureOf, written } from "./parts.js"
import { ignored, optional, readRequest, refuse } from "./read.js"

const block = z.looseObject({ type: z.string() })
const contentOf = z.union([z.string(), z.array(block).max(1024)])

const schema = z.strictObject({
  model: z.string().min(1),
  messages: z
    .array(z.looseObject({ role: z.string(), content: contentOf }))
    .min(1)
    .max(4096),
  system: optional(z.union([z.string(), z.array(block).max(1024)])),
  max_tokens: z.int().min(1),
  temperature: temperature(1),
  top_p: topP,
  top_k: topK,
  stop_sequences: optional(z.array(z.string()).max(16)),
  stream: optional(z.boolean()),
  thinking: optional(z.looseObject({ type: z.string() })),
  output_config: optional(z.strictObject({ format: outputFormat, effort: ignored })),
  /** Where older clients write it. */
  output_format: outputFormat,
  diffusion,
  tools: ignored,
  mcp_servers: ignored,
  // Known, and without a meaning here.
  tool_choice: ignored,
  cache_control: ignored,
  container: ignored,
  context_management: ignored,
  metadata: ignored,
  service_tier: ignored,
  inference_geo: ignored,
  speed: ignored,
})

/** @throws ApiError for what is no request, or asks for what these models cannot do */
export function readMessages(body: unknown): Asked {
  const asked = readRequest(schema, body)
  refuse(asked, { tools: TOOLS, mcp_servers: TOOLS })
  if (asked.thinking && asked.thinking.type !== "disabled") throw invalid(THINKING, "thinking", "unsupported_parameter")
  if (asked.output_config?.format && asked.output_format)
    throw invalid("output_config.format and output_format are the same: give one of them", "output_format")
  const pictures: PictureReference[] = []
  const system = asked.system === undefined ? [] : [systemMessage(asked.system)]
  const messages = asked.messages.map((one, i) => readMessage(one, `messages.${i}`, pictures))
  return {
    request: {
      model: asked.model,
      prompt: { messages: [...system, ...messages] },
      pictures,
      decoding: {
        ...sampling({ temperature: asked.temperature, topP: asked.top_p, topK: asked.top_k }),
        ...diffusionDecoding(asked.diffusion),
        ...formatDecoding(asked.output_config?.format ?? asked.output_format),
      },
      maxTokens: asked.max_tokens,
      stop: stopTexts(asked.stop_sequences, "stop_sequences"),
      n: 1,
      // Clients of this protocol do not pass over events that they do not know.
      progress: false,
    },
    askedFor: [asked.metadata],
    stream: asked.stream ?? false,
    usage: true,
  }
}

const THINKING = "thinking is not supported: these models answer at once"

/**
 * A request to `/v1/messages/count_tokens`: the same without an answer.
 * @throws as `readMessages`
 */
export function readCount(body: unknown): Asked {
  const isObject = typeof body === "object" && body !== null && !Array.isArray(body)
  const asked = readMessages(isObject ? { max_tokens: 1, ...body } : body)
  return { ...asked, request: { ...asked.request, n: 0 }, stream: false }
}

function systemMessage(system: string | z.infer<typeof block>[]): Message {
  if (typeof system === "string") return { role: "system", content: system }
  const texts = system.map((one, i) => readBlock(one, `system.${i}`))
  return { role: "system", content: texts.map((part) => (part.type === "text" ? part.text : "")).join("\n") }
}

function readMessage(
  { role, content }: { role: string; content: z.infer<typeof contentOf> },
  at: string,
  pictures: PictureReference[],
): Message {
  if (role !== "user" && role !== "assistant") throw invalid(`${at}.role: expected user or assistant`, `${at}.role`)
  if (typeof content === "string") return { role, content }
  const parts = content.map((one, i) => readBlock(one, `${at}.content.${i}`))
  if (role === "assistant" && parts.some(({ type }) => type === "picture"))
    throw invalid(`${at}: pictures belong to messages of the user`, at)
  const { parts: said, pictures: shown } = written(parts)
  pictures.push(...shown)
  return { role, content: said }
}

const textBlock = z.object({ text: z.string() })
const imageBlock = z.object({
  source: z.union([
    z.object({ type: z.literal("base64"), media_type: z.string(), data: z.string() }),
    z.object({ type: z.literal("url"), url: z.string() }),
  ]),
})

function readBlock(one: { type: string }, at: string): ContentPart {
  if (one.type === "text") {
    const result = textBlock.safeParse(one)
    if (!result.success) throw invalid(`${at}: a block of type text needs its text`, at)
    return { type: "text", text: result.data.text }
  }
  if (one.type === "image") {
    const result = imageBlock.safeParse(one)
    if (!result.success)
      throw invalid(`${at}: a block of type image needs a source of type base64, with media_type and data, or url`, at)
    const { source } = result.data
    const picture: PictureReference =
      source.type === "base64" ? { type: "base64", data: source.data } : pictureOf(source.url)
    return { type: "picture", picture }
  }
  if (/thinking/.test(one.type)) throw invalid(THINKING, at, "unsupported_parameter")
  if (/tool/.test(one.type)) throw invalid(TOOLS, at, "unsupported_parameter")
  throw invalid(`${at}.type: expected text or image; other kinds of content are not supported`, at)
}
