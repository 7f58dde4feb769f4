/** How a model's conversations are written: by code of ours for the formats that have a name, else as its chat template says. */

import type { ModelConfig } from "../checkpoint/config.js"
import type { ChatFormat, NamedFormat } from "../text/conversation.js"
import { PlainFormat } from "../text/formats/plain-format.js"
import { TemplateFormat } from "../text/formats/template-format.js"
import type { Tokenizer } from "../text/tokenizer/tokenizer.js"

/**
 * @param source the folder or GGUF file that may hold a chat template
 * @returns for a model without one a format that has plain prompts only
 * @throws UserError for a chat template that cannot be parsed
 */
export function chatFormatOf(
  { chat, chatWithoutTemplate, tokens }: Pick<ModelConfig, "chat" | "chatWithoutTemplate" | "tokens">,
  source: string,
  tokenizer: Tokenizer,
): ChatFormat {
  if (chat !== "template") return chat as NamedFormat
  const image = tokens.imagePad === undefined ? undefined : tokenizer.token(tokens.imagePad)
  const template = TemplateFormat.load(source, tokenizer, image)
  return template ?? (chatWithoutTemplate as NamedFormat | undefined) ?? new PlainFormat(tokenizer, source)
}
