/** A model without a chat template: text that it continues, and no conversations. */

import { UserError } from "../../errors.js"
import { type Message, partsOf } from "../message.js"
import type { Tokenizer } from "../tokenizer/tokenizer.js"

export class PlainFormat {
  /** @param where the model's folder or file, for errors */
  constructor(
    readonly tokenizer: Tokenizer,
    readonly where: string,
  ) {}

  /**
   * The ids of one text to be continued, with what the tokenizer puts before a text.
   * @param options.special whether markup in the text is tokens
   * @throws UserError for several messages, another role than user's, or images
   */
  prompt(messages: readonly Message[], options: { special?: boolean } = {}): Int32Array {
    const [{ role, content }, ...more] = messages
    const parts = partsOf(content)
    if (more.length > 0 || role !== "user" || parts.some(({ type }) => type === "image")) throw this.noConversations()
    const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("")
    return plainPrompt(text, this.tokenizer, options)
  }

  /** @throws UserError always: what a conversation looks like to the model, nothing says */
  training(): never {
    throw this.noConversations()
  }

  noConversations(): UserError {
    return new UserError("the model has no chat template, so it is not known how a conversation is written for it", {
      where: this.where,
      fix: this.where.endsWith(".gguf")
        ? "use its instruction-tuned version, convert the file to a folder and put a chat_template.jinja there, or give one plain text to be continued"
        : "use its instruction-tuned version, put a chat_template.jinja into the folder, or give one plain text to be continued",
    })
  }
}

/**
 * Ids of a text to be continued: with what its tokenizer puts before a text.
 * @param options.special whether markup in the text is tokens
 */
export function plainPrompt(text: string, tokenizer: Tokenizer, options: { special?: boolean } = {}): Int32Array {
  return Int32Array.from([...tokenizer.ends.before, ...tokenizer.encode(text, options)])
}
