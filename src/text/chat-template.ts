/** The chat template of a model folder: messages → the prompt as one string. Knows no ids. */

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Template } from "@huggingface/jinja"
import { UserError } from "../errors.js"
import type { Message } from "./message.js"

type Json = Record<string, unknown>

/** chat_template.jinja and chat_template.json are newer than the entry of tokenizer_config.json, and win. */
const SOURCES = ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"]

export class ChatTemplate {
  readonly #template: Template
  readonly #variables: Json

  /**
   * The template of a model folder, or undefined when it has none.
   * @throws UserError when a file is not JSON or the template cannot be parsed
   */
  static load(folder: string): ChatTemplate | undefined {
    const config = readJson(join(folder, "tokenizer_config.json"))
    for (const source of SOURCES) {
      const path = join(folder, source)
      if (!existsSync(path)) continue
      const text = source.endsWith(".jinja") ? readFileSync(path, "utf8") : templateIn(readJson(path))
      if (text === undefined) continue
      try {
        return new ChatTemplate(text, tokenVariables(config))
      } catch (cause) {
        throw new UserError(`the chat template cannot be parsed: ${(cause as Error).message}`, { where: path, cause })
      }
    }
    return undefined
  }

  /**
   * @param source Jinja
   * @param variables what the template may name, such as bos_token
   */
  constructor(source: string, variables: Json = {}) {
    this.#template = new Template(source)
    this.#variables = variables
  }

  /**
   * @param options.addGenerationPrompt end with the header of the answer to come
   * @throws UserError when the template refuses the messages
   */
  render(messages: readonly Message[], { addGenerationPrompt = true }: { addGenerationPrompt?: boolean } = {}): string {
    try {
      return this.#template.render({ ...this.#variables, messages, add_generation_prompt: addGenerationPrompt })
    } catch (cause) {
      throw new UserError(`the model's chat template refuses the conversation: ${(cause as Error).message}`, { cause })
    }
  }
}

function readJson(path: string): Json {
  if (!existsSync(path)) return {}
  try {
    return (JSON.parse(readFileSync(path, "utf8")) ?? {}) as Json
  } catch (cause) {
    throw new UserError("the file is not JSON", { where: path, fix: "download it again", cause })
  }
}

/** A template may come alone or as a list of named ones. */
function templateIn({ chat_template: entry }: Json): string | undefined {
  if (typeof entry === "string") return entry
  if (!Array.isArray(entry)) return undefined
  return (entry as { name?: string; template?: string }[]).find(({ name }) => name === "default")?.template
}

/** bos_token, eos_token, …: each a string or an object with its content. */
function tokenVariables(config: Json): Json {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.endsWith("_token"))
      .map(([key, value]) => [key, (value as { content?: string } | null)?.content ?? value]),
  )
}
