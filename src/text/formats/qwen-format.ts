/** The chat formats of Qwen: DiffusionVL's (docs/reference.md, "Chat format of Qwen") and Qwen2.5-VL's own. */

import { UserError } from "../../errors.js"
import { IMAGE, type Message, type Part, partsOf, withSystem } from "../message.js"
import type { Tokenizer } from "../tokenizer/tokenizer.js"
import { bodyIds, type Encoded, type EncodeOptions, SequenceWriter } from "../writer.js"

/**
 * qwen_2_5: DiffusionVL. qwen_1_5 and qwen_2 differ from it in the system sentence of prompts only.
 * qwen2_5_vl: the autoregressive Qwen2.5-VL, each image between <|vision_start|> and <|vision_end|>.
 */
export type QwenFormat = "qwen_2_5" | "qwen_1_5" | "qwen_2" | "qwen2_5_vl"

const SYSTEM: Record<QwenFormat, string> = {
  qwen_2_5: "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
  qwen_1_5: "You are a helpful assistant.",
  qwen_2: "You are a helpful assistant.",
  qwen2_5_vl: "You are a helpful assistant.",
}

/**
 * Qwen2.5-VL has nothing between neighbouring images and no line break after them, where LLaVA-style conversations
 * write "<image> <image>\nquestion".
 */
function tightParts(parts: readonly Part[]): Part[] {
  return parts.flatMap((part, i): Part[] => {
    if (part.type === "image" || parts[i - 1]?.type !== "image") return [part]
    const between = parts[i + 1]?.type === "image" && part.text.trim() === ""
    return between ? [] : [{ type: "text", text: part.text.replace(/^\n/, "") }]
  })
}

/** <|im_start|>role\ncontent<|im_end|>\n in three pieces. */
interface QwenMessage {
  header: number[]
  /** The content and <|im_end|>. */
  body: number[]
  end: number[]
}

/** Tokens that stand for pixels: in trusted text they would claim pixels that are not there. */
const PIXEL_TOKENS = ["<|image_pad|>", "<|video_pad|>"]

function qwenMessage(
  { role, content }: Message,
  tokenizer: Tokenizer,
  format: QwenFormat,
  options: EncodeOptions,
): QwenMessage {
  const isPublished = format === "qwen2_5_vl"
  const parts = isPublished ? tightParts(partsOf(content)) : partsOf(content)
  const image = isPublished
    ? [tokenizer.require("<|vision_start|>"), IMAGE, tokenizer.require("<|vision_end|>")]
    : [IMAGE]
  const [start, end] = [tokenizer.require("<|im_start|>"), tokenizer.require("<|im_end|>")]
  if (!options.special) {
    const whole = bodyIds(`${role}\n`, parts, tokenizer, options, image)
    // An answer that begins with a line break shares a token with the header's; the token then belongs to the header.
    const header = tokenizer.encode(`${role}\n`).length
    return {
      header: [start, ...whole.slice(0, header)],
      body: [...whole.slice(header), end],
      end: tokenizer.encode("\n"),
    }
  }
  // One text from mark to mark, as the authors and the template tokenise it: an added token may take spaces of them along.
  const opening = `<|im_start|>${role}\n`
  const whole = bodyIds(opening, parts, tokenizer, options, image, "<|im_end|>\n")
  if (isPublished) requireNoPixels(whole, tokenizer)
  const alone = tokenizer.encode(opening, options)
  let header = alone.length
  // One that begins the text may have taken the header's line break.
  while (header > 1 && whole[header - 1] !== alone[header - 1] && tokenizer.isAdded(whole[header - 1])) header--
  const close = whole.lastIndexOf(end) + 1
  return { header: whole.slice(0, header), body: whole.slice(header, close), end: whole.slice(close) }
}

function requireNoPixels(ids: readonly number[], tokenizer: Tokenizer): void {
  const written = PIXEL_TOKENS.find((token) => ids.includes(tokenizer.id(token) ?? Number.NaN))
  if (written === undefined) return
  throw new UserError(`the text has ${written}, which stands for the pixels of an image`, {
    fix: "write <image> and give the image, or set data.trusted: false to learn these characters as text",
  })
}

/**
 * Training ids and labels of DiffusionVL: assistant messages are learned whole, header included, and so is every line
 * break and message mark anywhere, also inside questions (docs/reference.md, "Labels of Qwen"; kept
 * for parity), unless only the answers are asked for. The system sentence of training does not depend on the format's
 * name.
 *
 * Of the answers alone, the last ends the sequence with its <|im_end|>: what fills its block is then <|im_end|> all over,
 * and nobody reads what follows the first one.
 */
export function encodeDiffusionVl(messages: readonly Message[], tokenizer: Tokenizer, options: EncodeOptions): Encoded {
  const writer = new SequenceWriter()
  const answersOnly = options.learn === "answers"
  const all = withSystem(messages, SYSTEM.qwen_2_5)
  for (const message of all) {
    const { header, body, end } = qwenMessage(message, tokenizer, "qwen_2_5", options)
    const assistant = message.role === "assistant"
    const last = answersOnly && assistant && message === all[all.length - 1]
    writer.push(header, assistant && !answersOnly)
    // The line break behind <|im_end|> as well: seen unmasked, it would tell where the answer ends.
    if (assistant) writer.answer(last ? body : [...body, ...end])
    else writer.push([...body, ...end], false)
  }
  if (answersOnly) return writer.done()
  const marks = [tokenizer.require("<|im_start|>"), tokenizer.require("<|im_end|>"), ...tokenizer.encode("\n")]
  return writer.done(new Set(marks))
}

/**
 * Training ids and labels of the autoregressive Qwen2.5-VL: what the model has to write itself, the answers and their
 * <|im_end|>, is learned; headers and the line break after <|im_end|>, which the template writes, are not.
 */
export function encodeQwenVl(messages: readonly Message[], tokenizer: Tokenizer, options: EncodeOptions): Encoded {
  const writer = new SequenceWriter()
  for (const message of withSystem(messages, SYSTEM.qwen2_5_vl)) {
    const { header, body, end } = qwenMessage(message, tokenizer, "qwen2_5_vl", options)
    writer.push(header, false)
    if (message.role === "assistant") writer.answer(body)
    else writer.push(body, false)
    writer.push(end, false)
  }
  return writer.done()
}

/** The conversation so far and the header of the answer to come. */
export function qwenPrompt(
  messages: readonly Message[],
  tokenizer: Tokenizer,
  format: QwenFormat,
  options: EncodeOptions,
): number[] {
  const ids = withSystem(messages, SYSTEM[format]).flatMap((message) => {
    const { header, body, end } = qwenMessage(message, tokenizer, format, options)
    return [...header, ...body, ...end]
  })
  return [...ids, tokenizer.require("<|im_start|>"), ...tokenizer.encode("assistant\n")]
}
