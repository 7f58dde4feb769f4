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
  // With a prefix space the order of the two would matter: the space belongs to the text, not to each piece.
  if (step.type === "ByteLevel" && step.use_regex !== false && !step.add_prefix_space) {
    return { type: "Sequence", pretokenizers: [split(GPT2_PATTERN), { ...step, use_regex: false }] }
  }
  return step
}

function readJson(path: string): Json {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (cause) {
    throw new UserError("the tokenizer file cannot be read", {
      where: path,
      fix: "copy tokenizer.json and tokenizer_config.json from the model this one was made from",
      cause,
    })
  }
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw new UserError(`the tokenizer file is not JSON: ${(cause as Error).message}`, {
      where: path,
      fix: "download it again",
      cause,
    })
  }
}

export class Tokenizer {
  readonly #library: HubTokenizer
  /** Every added token, special or not. */
  readonly #added: ReadonlyMap<string, number>
  /** Ids of the special tokens, by their text: those that `decode` leaves out. */
  readonly specialTokens: ReadonlyMap<string, number>
  /** One more than the largest id. */
  readonly size: number

  /**
   * Reads tokenizer.json and, if there is one, tokenizer_config.json of a model folder.
   * @throws UserError when a file is missing, not JSON, or of an unknown kind
   */
  static load(folder: string): Tokenizer {
    const path = join(folder, "tokenizer.json")
    const configPath = join(folder, "tokenizer_config.json")
    const definition = readJson(path)
    const config = existsSync(configPath) ? readJson(configPath) : {}
    try {
      return new Tokenizer(definition, config)
    } catch (cause) {
      throw new UserError(`the tokenizer cannot be used: ${(cause as Error).message}`, {
        where: path,
        fix: "download it again, or use the tokenizer files of the model this one was made from",
        cause,
      })
    }
  }

  /**
   * @param definition content of tokenizer.json
   * @param config content of tokenizer_config.json
   */
  constructor(definition: Json, config: Json) {
    const added = (definition.added_tokens ?? []) as { id: number; content: string; special: boolean }[]
    this.#library = new HubTokenizer(
      {
        ...definition,
        added_tokens: added,
        pre_tokenizer: definition.pre_tokenizer ? exactPreTokenizer(definition.pre_tokenizer as Json) : null,
      },
      config,
    )
    const model = this.#library.model
    if (!model) throw new Error("it has no vocabulary")
    this.#added = new Map(added.map(({ content, id }) => [content, id]))
    this.specialTokens = new Map(added.filter(({ special }) => special).map(({ content, id }) => [content, id]))
    this.size = model.vocab.length
  }

  /**
   * @param options.special whether "<|im_end|>" inside the text is the special token (the authors' behaviour) or just
   *   these characters (default)
   */
  encode(text: string, { special = false }: { special?: boolean } = {}): number[] {
    if (text === "") return []
    if (special) return this.#library.encode(text, { add_special_tokens: false }).ids
    // The library's own steps, without its search for added tokens.
    const { normalizer, pre_tokenizer, model } = this.#library
    const normalized = normalizer ? normalizer.normalize(text) : text
    const pieces = pre_tokenizer ? pre_tokenizer.pre_tokenize(normalized) : [normalized]
    return model!._call(pieces).map((token: string) => model!.tokens_to_ids.get(token) ?? model!.unk_token_id!)
  }

  /** Ids without a token, such as the mask id or an image slot, decode to nothing. */
  decode(ids: ArrayLike<number>, { skipSpecial = true }: { skipSpecial?: boolean } = {}): string {
    const known = Array.from(ids).filter((id) => this.#library.id_to_token(id) !== undefined)
    if (known.length === 0) return ""
    // Some configurations ask for a clean-up that deletes spaces before punctuation.
    return this.#library.decode(known, { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false })
  }

  /** Id of an added token such as "<|im_end|>", or undefined. */
  id(token: string): number | undefined {
    return this.#added.get(token)
  }

  /**
   * Id of an added token that the caller cannot do without.
   * @throws UserError when the tokenizer has no such token
   */
  require(token: string): number {
    const id = this.#added.get(token)
    if (id === undefined)
      throw new UserError(`the tokenizer has no token ${token}`, {
        fix: "use the tokenizer of the model family this conversation format belongs to",
      })
    return id
  }
}
