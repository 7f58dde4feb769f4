/** Conversations → ids, labels and image slots, in the formats the models were trained with. */

import { UserError } from "../errors.js"
import { encodeLlada, encodeLladaPlain, type LladaPromptOptions, lladaPrompt } from "./formats/llada-format.js"
import type { PlainFormat } from "./formats/plain-format.js"
import { encodeDiffusionVl, encodeQwenVl, type QwenFormat, qwenPrompt } from "./formats/qwen-format.js"
import type { TemplateFormat } from "./formats/template-format.js"
import type { Message } from "./message.js"
import type { Tokenizer } from "./tokenizer/tokenizer.js"
import type { Encoded, EncodeOptions } from "./writer.js"

export { IGNORE, IMAGE, imagePrompt, type Message, type Part, partsOf } from "./message.js"
export type { Encoded, EncodeOptions, LearnedTokens } from "./writer.js"

/** Formats with code of their own. llava_llada: LLaDA's header blocks. llada_plain: its first training stage, image and caption only. */
export type NamedFormat = QwenFormat | "llava_llada" | "llada_plain"

/** How a model's conversations are written: by name, or in words of the model's own. */
export type ChatFormat = NamedFormat | TemplateFormat | PlainFormat

export type PromptOptions = LladaPromptOptions

/**
 * A training sample.
 * @param tokenizer the model's; a format that is an object has it already
 * @throws UserError when no assistant message is in the conversation, or the tokenizer lacks a mark of the format
 */
export function encodeTraining(
  messages: readonly Message[],
  tokenizer: Tokenizer,
  format: ChatFormat,
  options: EncodeOptions = {},
): Encoded {
  if (!messages.some(({ role }) => role === "assistant")) throw new UserError("the conversation has no answer to learn")
  if (typeof format === "object") return format.training(messages, options)
  switch (format) {
    case "qwen2_5_vl":
      return encodeQwenVl(messages, tokenizer, options)
    case "llava_llada":
      return encodeLlada(messages, tokenizer, options)
    case "llada_plain":
      return encodeLladaPlain(messages, tokenizer, options)
    default:
      return encodeDiffusionVl(messages, tokenizer, options)
  }
}

/** A prompt: the conversation so far and the header of the answer to come. One IMAGE per image. */
export function encodePrompt(
  messages: readonly Message[],
  tokenizer: Tokenizer,
  format: ChatFormat,
  options: PromptOptions = {},
): Int32Array {
  if (typeof format === "object") return format.prompt(messages, options)
  if (format === "llada_plain") throw new UserError("the llada_plain format has no prompts", { fix: "use llava_llada" })
  const ids =
    format === "llava_llada"
      ? lladaPrompt(messages, tokenizer, options)
      : qwenPrompt(messages, tokenizer, format, options)
  return Int32Array.from(ids)
}
