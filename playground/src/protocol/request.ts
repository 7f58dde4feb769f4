/** A request from a conversation and a choice. */

import { type Choice, fieldsOf } from "./choice.js"
import type { ChatMessage, ChatRequest, ContentPart, ServedModel } from "./contract.js"

export interface Picture {
  /** Of the file, or what it is called where there is none. */
  name: string
  /** A data URI. */
  url: string
  width: number
  height: number
}

export interface Question {
  text: string
  pictures: readonly Picture[]
}

/** A question that was asked, with the final text of its answer. */
export interface Exchange {
  question: Question
  answer: string
}

/** The request that this page sends: streamed, with the events of denoising. */
export function requestOf(
  choice: Choice,
  model: ServedModel | undefined,
  { system, before, question }: { system: string; before: readonly Exchange[]; question: Question },
): ChatRequest {
  const { diffusion, ...fields } = fieldsOf(choice, model)
  const messages: ChatMessage[] = [
    ...(system.trim() ? [{ role: "system" as const, content: system }] : []),
    ...before.flatMap(({ question, answer }) => [asked(question), { role: "assistant" as const, content: answer }]),
    asked(question),
  ]
  return {
    ...fields,
    messages,
    stream: true,
    stream_options: { include_usage: true },
    diffusion: { ...diffusion, events: true },
  }
}

/** Pictures first, as models were trained. */
function asked({ text, pictures }: Question): ChatMessage {
  if (pictures.length === 0) return { role: "user", content: text }
  const parts: ContentPart[] = pictures.map(({ url }) => ({ type: "image_url", image_url: { url } }))
  return { role: "user", content: [...parts, { type: "text", text }] }
}
