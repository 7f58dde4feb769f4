/** The chat template of a model: messages → the prompt as one string. Knows no ids. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { Template } from "@huggingface/jinja"
import { ggufFile } from "../../checkpoint/gguf/find.js"
import { openGgufModel } from "../../checkpoint/gguf/model.js"
import { isObject, type Json, readJsonObject, readOptionalJson, readTextFile } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { label, readable } from "../../readable.js"
import type { Part } from "../message.js"
import { OutOfTime, withTimeLimit } from "../time-limit.js"
import { contentOf } from "../tokenizer/added-tokens.js"
import { PYTHON_FUNCTIONS, strftime, usePythonStrings } from "./python-strings.js"

const RENDER_TIME = 3000
/** The library makes the whole list of a range before anything is read from it. */
const LONGEST_RANGE = 100_000
/** No conversation is longer; a template can double a text in one step. */
const LONGEST_OUTPUT = 1 << 25

/** Functions that stand for the library's own: names of its own cannot be given anew, but set. */
const FUNCTIONS = { range, strftime_now: (format: string) => strftime(new Date(), format), raise_exception: refuse }
const OWN = Object.fromEntries(Object.entries(FUNCTIONS).map(([name, work]) => [`own_${name}`, work]))
const USE_OWN = Object.keys(FUNCTIONS).map((name) => `{% set ${name} = own_${name} %}`)

/** chat_template.jinja and chat_template.json are newer than the entry of tokenizer_config.json, and win. */
const TOKEN_FILES = ["special_tokens_map.json", "tokenizer_config.json"]
const SOURCES = ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"]

/** {% generation %} … {% endgeneration %}, as transformers has them: around what the model writes itself. */
const GENERATION = /\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}/g

/** A message as templates know it. */
export interface TemplateMessage {
  role: string
  content: string | Part[]
}

export interface RenderOptions {
  /** End with the header of the answer to come. @default true */
  addGenerationPrompt?: boolean
  /** Names that the template may look at, such as enable_thinking, date_string or tools. */
  variables?: Json
  /** Written around what the template marks as generated. @default nothing */
  generation?: { start: string; end: string }
}

/** What a template says with raise_exception. */
class Refused extends Error {}

function refuse(message: unknown): never {
  throw new Refused(String(message))
}

export class ChatTemplate {
  readonly #template: Template
  readonly #variables: Json
  /** Whether it says itself which text the model writes ({% generation %}). */
  readonly marksAnswers: boolean

  /**
   * The template of a model folder or GGUF file, or undefined when it has none.
   * @throws UserError when a file is not JSON or the template cannot be parsed
   */
  static load(folder: string): ChatTemplate | undefined {
    const gguf = ggufFile(folder)
    if (gguf !== undefined) return fromConfig(openGgufModel(gguf).tokenizer().config, gguf)
    const [tokens, config] = TOKEN_FILES.map((name) => readOptionalJson(join(folder, name)) ?? {})
    for (const source of SOURCES) {
      const path = join(folder, source)
      if (!existsSync(path)) continue
      const text = source.endsWith(".jinja") ? readTextFile(path) : templateIn(readJsonObject(path), path)
      if (text === undefined) continue
      return parsed(text, { ...tokenVariables(tokens), ...tokenVariables(config) }, path)
    }
    return undefined
  }

  /**
   * @param source Jinja
   * @param variables what the template may name, such as bos_token
   */
  constructor(
    readonly source: string,
    variables: Json = {},
  ) {
    this.marksAnswers = source.search(GENERATION) >= 0
    this.#template = new Template(withGenerationMarks(source))
    usePythonStrings(this.#template.parsed.body)
    this.#template.parsed.body.unshift(...new Template(USE_OWN.join("")).parsed.body)
    this.#variables = variables
  }

  /** @throws UserError when the template refuses the messages, or does not end */
  render(messages: readonly TemplateMessage[], options: RenderOptions = {}): string {
    const { addGenerationPrompt = true, variables, generation = { start: "", end: "" } } = options
    const names = {
      ...OWN,
      ...PYTHON_FUNCTIONS,
      tools: null,
      documents: null,
      ...this.#variables,
      ...variables,
      generation_start_mark: generation.start,
      generation_end_mark: generation.end,
      messages,
      add_generation_prompt: addGenerationPrompt,
    }
    try {
      const text = withTimeLimit(RENDER_TIME, () => this.#template.render(names))
      if (text.length > LONGEST_OUTPUT) throw new Error("it writes too much")
      return text
    } catch (cause) {
      throw new UserError(`the model's chat template refuses the conversation: ${reasonOf(cause)}`, { cause })
    }
  }
}

/** @param config content of tokenizer_config.json */
function fromConfig(config: Json, where: string): ChatTemplate | undefined {
  const text = templateIn(config, where)
  return text === undefined ? undefined : parsed(text, tokenVariables(config), where)
}

function parsed(text: string, variables: Json, where: string): ChatTemplate {
  try {
    return new ChatTemplate(text, variables)
  } catch (cause) {
    throw new UserError(`the chat template cannot be parsed: ${reasonOf(cause)}`, {
      where,
      fix: "download it again",
      cause,
    })
  }
}

/** The marks become plain text of their own; the tags keep what they do to white space. */
function withGenerationMarks(source: string): string {
  return source.replace(GENERATION, (_, left: string, end: string | undefined, right: string) => {
    const [mark, tag] = end ? ["generation_end_mark", "endif"] : ["generation_start_mark", "if true"]
    return `{%${left} ${tag} %}{{ ${mark} }}{% ${tag} ${right}%}`
  })
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
  if (cause instanceof Refused) return readable(cause.message, 300)
  if (cause instanceof OutOfTime) return `it does not end within ${cause.seconds} s`
  const { name, message } = cause as Error
  if (name === "RangeError") return "it nests too deeply or writes too much"
  // The library's sentences about the template are kept; those about its own types of values say nothing to people.
  const isInternal = name !== "Error" || /\w+Value\b|\bundefined\b|^Cannot |\[object /.test(message)
  return isInternal ? "it uses a value that is not there, or not as it can be used" : readable(message, 300)
}

/** A template may come alone, or as a list of named ones of which the default one is meant. */
function templateIn({ chat_template: entry }: Json, path: string): string | undefined {
  if (typeof entry === "string") return entry
  const list: unknown[] = Array.isArray(entry) ? entry : []
  const named = list.filter(isObject).filter(({ template }) => typeof template === "string")
  const found = named.find(({ name }) => name === "default") ?? (named.length === 1 ? named[0] : undefined)
  if (found || named.length === 0) return found?.template as string | undefined
  const names = named.map(({ name }) => label(String(name))).join(", ")
  throw new UserError(`the model has several chat templates (${names}), and none is named default`, {
    where: path,
    fix: "write the one you want into chat_template.jinja, beside this file",
  })
}

/** bos_token, eos_token, …: each a string or an object with its content. What is not set is not defined in templates. */
function tokenVariables(config: Json): Json {
  const texts = Object.entries(config).flatMap(([key, value]) => {
    const text = key.endsWith("_token") ? contentOf(value) : undefined
    return text === undefined ? [] : [[key, text]]
  })
  return Object.fromEntries(texts)
}
