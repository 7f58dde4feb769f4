/** Conversations → ids, labels and image slots, in the formats the models were trained with. */

import { UserError } from "../errors.js"
import type { Tokenizer } from "./tokenizer.js"

/** Stands for one image in a sequence of ids. */
export const IMAGE = -200
/** Label of a position that is not learned. */
export const IGNORE = -100

export type Part = { type: "text"; text: string } | { type: "image" }

export interface Message {
  role: "system" | "user" | "assistant"
  content: string | Part[]
}

/**
 * qwen_2_5: DiffusionVL, training and evaluation; qwen_1_5 and qwen_2 differ in the system sentence of prompts only.
 * qwen2_5_vl: the autoregressive Qwen2.5-VL, images between <|vision_start|> and <|vision_end|>.
 * llava_llada, llada_plain: LLaDA's formats, for training.
 */
export type ChatFormat = "qwen_2_5" | "qwen_1_5" | "qwen_2" | "qwen2_5_vl" | "llava_llada" | "llada_plain"

const QWEN_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
const SYSTEM: Record<ChatFormat, string> = {
  qwen_2_5: QWEN_SYSTEM,
  qwen_1_5: "You are a helpful assistant.",
  qwen_2: "You are a helpful assistant.",
  qwen2_5_vl: "You are a helpful assistant.",
  llava_llada:
    "You are a helpful language and vision assistant. You are able to understand the visual content that the user provides, and assist the user with a variety of tasks using natural language.",
  llada_plain: "",
}

export interface EncodeOptions {
  /** Let special tokens typed inside a text be special, as the authors' code does. */
  special?: boolean
}

export interface Encoded {
  /** One IMAGE per image. */
  ids: Int32Array
  /** IGNORE, or the id to be learned at this position. */
  labels: Int32Array
}

/** Collects ids and labels. */
class Writer {
  readonly ids: number[] = []
  readonly labels: number[] = []

  push(ids: readonly number[], labelled: boolean): void {
    for (const id of ids) {
      this.ids.push(id)
      this.labels.push(labelled && id !== IMAGE ? id : IGNORE)
    }
  }
  done(): Encoded {
    return { ids: Int32Array.from(this.ids), labels: Int32Array.from(this.labels) }
  }
}

export function partsOf(content: string | Part[]): Part[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content
}

/** A user message about images, as the evaluation writes it: images joined by spaces, a line break, the text. */
export function imagePrompt(images: number, text: string): Part[] {
  if (images === 0) return [{ type: "text", text }]
  const parts: Part[] = []
  for (let i = 0; i < images; i++) {
    if (i > 0) parts.push({ type: "text", text: " " })
    parts.push({ type: "image" })
  }
  return [...parts, { type: "text", text: `\n${text}` }]
}

/** Ids of a message body: text before the first image is tokenised together with `prefix`, as one string. */
function bodyIds(
  prefix: string,
  parts: readonly Part[],
  tokenizer: Tokenizer,
  options: EncodeOptions,
  image: readonly number[],
): number[] {
  const ids: number[] = []
  let text = prefix
  for (const part of parts) {
    if (part.type === "text") {
      text += part.text
    } else {
      ids.push(...tokenizer.encode(text, options), ...image)
      text = ""
    }
  }
  return [...ids, ...tokenizer.encode(text, options)]
}

/** The autoregressive format has nothing between image slots, and no line break after them. */
function tightParts(parts: readonly Part[]): Part[] {
  return parts.flatMap((part, i): Part[] => {
    if (part.type === "image" || parts[i - 1]?.type !== "image") return [part]
    const between = parts[i + 1]?.type === "image" && part.text.trim() === ""
    return between ? [] : [{ type: "text", text: part.text.replace(/^\n/, "") }]
  })
}

function withSystem(messages: readonly Message[], format: ChatFormat): Message[] {
  if (messages[0]?.role === "system") return [...messages]
  return [{ role: "system", content: SYSTEM[format] }, ...messages]
}

/** Ids of one Qwen message: <|im_start|>role\ncontent<|im_end|>\n, and how many of them come before the content. */
function qwenMessage(message: Message, tokenizer: Tokenizer, format: ChatFormat, options: EncodeOptions): number[] {
  const autoregressive = format === "qwen2_5_vl"
  const parts = partsOf(message.content)
  const image = autoregressive
    ? [tokenizer.require("<|vision_start|>"), IMAGE, tokenizer.require("<|vision_end|>")]
    : [IMAGE]
  return [
    tokenizer.require("<|im_start|>"),
    ...bodyIds(`${message.role}\n`, autoregressive ? tightParts(parts) : parts, tokenizer, options, image),
    tokenizer.require("<|im_end|>"),
    ...tokenizer.encode("\n"),
  ]
}

/**
 * Training ids and labels of DiffusionVL's Qwen format: assistant messages are labelled whole, header included, and so
 * is every line break and message mark anywhere (reference behaviour 3.2, kept for parity).
 */
function encodeQwen(messages: readonly Message[], tokenizer: Tokenizer, options: EncodeOptions): Encoded {
  const writer = new Writer()
  // The training system sentence does not depend on the format's name.
  for (const message of withSystem(messages, "qwen_2_5"))
    writer.push(qwenMessage(message, tokenizer, "qwen_2_5", options), message.role === "assistant")
  const always = new Set([
    tokenizer.require("<|im_start|>"),
    tokenizer.require("<|im_end|>"),
    ...tokenizer.encode("\n"),
  ])
  const { ids, labels } = writer.done()
  for (let i = 0; i < ids.length; i++) if (always.has(ids[i])) labels[i] = ids[i]
  return { ids, labels }
}

/** Training ids and labels of the autoregressive Qwen2.5-VL: the answers and their <|im_end|> are learned. */
function encodeAutoregressive(messages: readonly Message[], tokenizer: Tokenizer, options: EncodeOptions): Encoded {
  const writer = new Writer()
  const header = 1 + tokenizer.encode("assistant\n").length
  for (const message of withSystem(messages, "qwen2_5_vl")) {
    const ids = qwenMessage(message, tokenizer, "qwen2_5_vl", options)
    if (message.role !== "assistant") writer.push(ids, false)
    else {
      writer.push(ids.slice(0, header), false)
      writer.push(ids.slice(header, -1), true)
      writer.push(ids.slice(-1), false)
    }
  }
  return writer.done()
}

/** LLaDA's training format (reference behaviour 3.3): header blocks, assistant messages labelled whole. */
function encodeLlada(messages: readonly Message[], tokenizer: Tokenizer, options: EncodeOptions): Encoded {
  const marks = ["<|startoftext|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"].map((token) =>
    tokenizer.require(token),
  )
  const [start, headerStart, headerEnd, end] = marks
  const writer = new Writer()
  for (const [i, message] of withSystem(messages, "llava_llada").entries()) {
    const ids = [
      ...(i === 0 ? [start] : []),
      headerStart,
      ...tokenizer.encode(message.role),
      headerEnd,
      ...bodyIds("\n\n", partsOf(message.content), tokenizer, options, [IMAGE]),
      end,
    ]
    writer.push(ids, message.role === "assistant")
  }
  const { ids, labels } = writer.done()
  for (let i = 0; i < ids.length; i++) if (marks.includes(ids[i])) labels[i] = ids[i]
  return { ids, labels }
}

/** LLaDA's first stage: the image rows, the caption and a line break; the question is dropped. */
function encodePlain(messages: readonly Message[], tokenizer: Tokenizer, options: EncodeOptions): Encoded {
  const caption = messages.find((message) => message.role === "assistant")
  if (!caption) throw new UserError("the llada_plain format needs an answer")
  const writer = new Writer()
  writer.push([IMAGE], false)
  writer.push(bodyIds("", [...partsOf(caption.content), { type: "text", text: "\n" }], tokenizer, options, []), true)
  return writer.done()
}

/** A training sample. The conversation must hold an assistant message. */
export function encodeTraining(
  messages: readonly Message[],
  tokenizer: Tokenizer,
  format: ChatFormat,
  options: EncodeOptions = {},
): Encoded {
  if (!messages.some((message) => message.role === "assistant"))
    throw new UserError("the conversation has no answer to learn")
  switch (format) {
    case "qwen2_5_vl":
      return encodeAutoregressive(messages, tokenizer, options)
    case "llava_llada":
      return encodeLlada(messages, tokenizer, options)
    case "llada_plain":
      return encodePlain(messages, tokenizer, options)
    default:
      return encodeQwen(messages, tokenizer, options)
  }
}

/** A prompt: the conversation so far and the header of the answer to come. */
export function encodePrompt(
  messages: readonly Message[],
  tokenizer: Tokenizer,
  format: ChatFormat,
  options: EncodeOptions = {},
): Int32Array {
  if (format === "llava_llada" || format === "llada_plain")
    throw new UserError(`prompts in the ${format} format are not supported`)
  const ids = withSystem(messages, format).flatMap((message) => qwenMessage(message, tokenizer, format, options))
  return Int32Array.from([...ids, tokenizer.require("<|im_start|>"), ...tokenizer.encode("assistant\n")])
}
