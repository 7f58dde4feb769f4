/** tokenizer.json → ids and back. Text typed by people never becomes a special token unless asked for. */

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Tokenizer as HubTokenizer } from "@huggingface/tokenizers"
import { UserError } from "../errors.js"

type Json = Record<string, unknown>

/** GPT-2's split pattern, which ByteLevel applies by itself when `use_regex` is set. */
const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

const split = (pattern: string): Json => ({
  type: "Split",
  pattern: { Regex: pattern },
  behavior: "Isolated",
  invert: false,
})

/** The library's own digit and GPT-2 splits differ from the reference on rare characters; its Split does not. */
function exactPreTokenizer(step: Json): Json {
  if (step.type === "Sequence") return { ...step, pretokenizers: (step.pretokenizers as Json[]).map(exactPreTokenizer) }
  if (step.type === "Digits") return split(step.individual_digits ? "\\p{N}" : "\\p{N}+")
  if (step.type === "ByteLevel" && step.use_regex !== false) {
    return { type: "Sequence", pretokenizers: [split(GPT2_PATTERN), { ...step, use_regex: false }] }
  }
  return step
}

function readJson(path: string): Json {
  if (!existsSync(path))
    throw new UserError("the model has no tokenizer.json", {
      where: path,
      fix: "copy the tokenizer files of the model it came from",
    })
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Json
  } catch (cause) {
    throw new UserError("the file is not JSON", { where: path, fix: "download it again", cause })
  }
}

export class Tokenizer {
  readonly #plain: HubTokenizer
  readonly #special: HubTokenizer
  readonly #ids: Map<string, number>
  /** One more than the largest id. */
  readonly size: number

  /** Reads tokenizer.json and, if there is one, tokenizer_config.json of a model folder. */
  static load(folder: string): Tokenizer {
    const path = join(folder, "tokenizer.json")
    const configPath = join(folder, "tokenizer_config.json")
    const definition = readJson(path)
    const config = existsSync(configPath) ? readJson(configPath) : {}
    try {
      return new Tokenizer(definition, config)
    } catch (cause) {
      throw new UserError(`the tokenizer cannot be read: ${(cause as Error).message}`, { where: path, cause })
    }
  }

  constructor(definition: Json, config: Json) {
    const exact = {
      ...definition,
      pre_tokenizer: definition.pre_tokenizer ? exactPreTokenizer(definition.pre_tokenizer as Json) : null,
    }
    const added = (definition.added_tokens ?? []) as { id: number; content: string }[]
    this.#special = new HubTokenizer(exact, config)
    this.#plain = new HubTokenizer({ ...exact, added_tokens: [] }, {})
    this.#ids = new Map(added.map(({ content, id }) => [content, id]))
    const vocabulary = (definition.model as { vocab?: Record<string, number> } | undefined)?.vocab ?? {}
    let size = 0
    for (const id of Object.values(vocabulary)) size = Math.max(size, id + 1)
    for (const { id } of added) size = Math.max(size, id + 1)
    this.size = size
  }

  /**
   * @param options.special whether "<|im_end|>" inside the text is the special token (the authors' behaviour) or just
   *   these characters (default)
   */
  encode(text: string, { special = false }: { special?: boolean } = {}): number[] {
    if (text === "") return []
    return [...(special ? this.#special : this.#plain).encode(text, { add_special_tokens: false }).ids]
  }

  /** Ids outside the vocabulary, such as the mask id, decode to nothing. */
  decode(ids: ArrayLike<number>, { skipSpecial = true }: { skipSpecial?: boolean } = {}): string {
    const known = Array.from(ids).filter((id) => id >= 0 && id < this.size)
    if (known.length === 0) return ""
    return this.#special.decode(known, { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false })
  }

  /** Id of a special token, or undefined. */
  id(token: string): number | undefined {
    return this.#ids.get(token)
  }

  /** Id of a special token that the caller cannot do without. */
  require(token: string): number {
    const id = this.#ids.get(token)
    if (id === undefined)
      throw new UserError(`the tokenizer has no token ${token}`, { fix: "use the tokenizer of a Qwen model" })
    return id
  }
}
