/** The chat template of a model folder: messages → the prompt as one string. Knows no ids. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { Template } from "@huggingface/jinja"
import { type Json, readJsonObject, readOptionalJson, readTextFile } from "../checkpoint/json.js"
import { UserError } from "../errors.js"
import { readable } from "../readable.js"
import type { Message } from "./message.js"
import { OutOfTime, withTimeLimit } from "./time-limit.js"

const RENDER_TIME = 3000
/** The library makes the whole list of a range before anything is read from it. */
const LONGEST_RANGE = 100_000
const LIMIT_RANGES = new Template("{% set range = limited_range %}").parsed.body

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
    const config = readOptionalJson(join(folder, "tokenizer_config.json")) ?? {}
    for (const source of SOURCES) {
      const path = join(folder, source)
      if (!existsSync(path)) continue
      const text = source.endsWith(".jinja") ? readTextFile(path) : templateIn(readJsonObject(path))
      if (text === undefined) continue
      try {
        return new ChatTemplate(text, tokenVariables(config))
      } catch (cause) {
        throw new UserError(`the chat template cannot be parsed: ${reasonOf(cause)}`, {
          where: path,
          fix: "download it again",
          cause,
        })
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
    this.#template.parsed.body.unshift(...LIMIT_RANGES)
    this.#variables = variables
  }

  /**
   * @param options.addGenerationPrompt end with the header of the answer to come
   * @throws UserError when the template refuses the messages, or does not end
   */
  render(messages: readonly Message[], { addGenerationPrompt = true }: { addGenerationPrompt?: boolean } = {}): string {
    const names = { limited_range: range, ...this.#variables, messages, add_generation_prompt: addGenerationPrompt }
    try {
      return withTimeLimit(RENDER_TIME, () => this.#template.render(names))
    } catch (cause) {
      throw new UserError(`the model's chat template refuses the conversation: ${reasonOf(cause)}`, { cause })
    }
  }
}

/** As the library's own, but of a size that a conversation can need. */
function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop]
  const length = Math.max(0, Math.ceil((to - from) / step))
  if (!(length <= LONGEST_RANGE)) throw new Error(`a range of it has more than ${LONGEST_RANGE} numbers`)
  return Array.from({ length }, (_, i) => from + i * step)
}

/** What the library says of the template; what the engine says means nothing to people. */
function reasonOf(cause: unknown): string {
  if (cause instanceof OutOfTime) return `it does not end within ${cause.seconds} s`
  const { name, message } = cause as Error
  if (name === "RangeError") return "it nests too deeply or writes too much"
  // The library's sentences about the template are kept; those about its own types of values say nothing to people.
  const isInternal = name !== "Error" || /\w+Value\b|\bundefined\b|^Cannot |\[object /.test(message)
  return isInternal ? "it uses a value that is not there, or not as it can be used" : readable(message, 300)
}

/** A template may come alone or as a list of named ones. */
function templateIn({ chat_template: entry }: Json): string | undefined {
  if (typeof entry === "string") return entry
  if (!Array.isArray(entry)) return undefined
  const text = (entry as (Json | null)[]).find((named) => named?.name === "default")?.template
  return typeof text === "string" ? text : undefined
}

/** bos_token, eos_token, …: each a string or an object with its content. */
function tokenVariables(config: Json): Json {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.endsWith("_token"))
      .map(([key, value]) => [key, (value as { content?: string } | null)?.content ?? value]),
  )
}
