/** tokenizer.json → ids and back. Markup typed by people never becomes a token unless the text is trusted. */

import { Tokenizer as HubTokenizer } from "@huggingface/tokenizers"
import type { Json } from "../checkpoint/json.js"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import { type AddedToken, AddedTokens } from "./added-tokens.js"
import { mayBacktrack } from "./backtracking.js"
import { OutOfTime, withTimeLimit } from "./time-limit.js"
import { addedTokens, checkDefinition, isObject, readTokenizerFiles } from "./tokenizer-file.js"

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

/** Every regular expression of a part of the definition. */
function patternsOf(part: unknown): string[] {
  if (typeof part !== "object" || part === null) return []
  const { Regex: own } = part as Json
  return [...(typeof own === "string" ? [own] : []), ...Object.values(part).flatMap(patternsOf)]
}

/** Longer texts are always encoded under the time limit: two unbounded parts of a pattern can need their cube. */
const LONG_TEXT = 2048
const LEAST_TIME = 3000

export class Tokenizer {
  readonly #library: HubTokenizer
  readonly #addedTokens: AddedTokens
  /** Every added token, special or not. */
  readonly #added: ReadonlyMap<string, number>
  readonly #addedIds: ReadonlySet<number>
  readonly #path: string
  /** Some pattern may take very long. */
  readonly #slow: boolean
  /** Ids of the special tokens, by their text: those that `decode` leaves out. */
  readonly specialTokens: ReadonlyMap<string, number>
  /** One more than the largest id. */
  readonly size: number

  /**
   * Reads tokenizer.json and, if there is one, tokenizer_config.json of a model folder.
   * @throws UserError when a file is missing, not JSON, or of an unknown kind
   */
  static load(folder: string): Tokenizer {
    const { path, definition, config } = readTokenizerFiles(folder)
    try {
      return new Tokenizer(definition, config, path)
    } catch (cause) {
      throw new UserError(`the tokenizer cannot be used: ${reasonOf(cause)}`, {
        where: path,
        fix: "download it again, or use the tokenizer files of the model this one was made from",
        cause,
      })
    }
  }

  /**
   * @param definition content of tokenizer.json
   * @param config content of tokenizer_config.json
   * @param path where the definition is from, for errors
   */
  constructor(definition: Json, config: Json, path = "tokenizer.json") {
    this.#path = path
    checkDefinition(definition)
    const { normalizer, pre_tokenizer: preTokenizer, decoder } = definition
    const patterns = patternsOf([normalizer, preTokenizer, decoder])
    this.#slow = patterns.some(mayBacktrack)
    const added = addedTokens(definition, config)
    try {
      this.#library = this.#limited(0, () => libraryTokenizer(definition, config, added))
    } catch (cause) {
      const what = (cause as Error).name === "SyntaxError" ? brokenPattern(patterns) : undefined
      throw what === undefined ? cause : new UserError(what, { where: path, cause })
    }
    const model = this.#library.model!
    const step = this.#library.normalizer
    this.#addedTokens = this.#limited(
      0,
      () => new AddedTokens(added, step ? (text) => step.normalize(text) : (text) => text),
    )
    this.#added = new Map(added.map(({ content, id }) => [content, id]))
    this.#addedIds = new Set(this.#added.values())
    this.specialTokens = new Map(added.filter(({ special }) => special).map(({ content, id }) => [content, id]))
    this.size = model.vocab.length
  }

  /**
   * @param options.special whether markup inside the text ("<|im_end|>", "<tool_call>") is tokens, as everywhere in the
   *   authors' code, or just these characters (default). Added tokens that are no markup, such as words of a field, are
   *   tokens in both cases.
   * @throws UserError when a pattern of the tokenizer takes too long
   */
  encode(text: string, { special = false }: { special?: boolean } = {}): number[] {
    if (text === "") return []
    const { pre_tokenizer: preTokenizer, model } = this.#library
    return this.#limited(text.length, () =>
      this.#addedTokens.split(text, special).flatMap((section, i) => {
        if (typeof section === "number") return [section]
        const pieces = preTokenizer ? preTokenizer.pre_tokenize(section, { section_index: i }) : [section]
        return model!._call(pieces).map((token: string) => model!.tokens_to_ids.get(token) ?? model!.unk_token_id!)
      }),
    )
  }

  /** Ids without a token, such as the mask id or an image slot, decode to nothing. */
  decode(ids: ArrayLike<number>, { skipSpecial = true }: { skipSpecial?: boolean } = {}): string {
    const known = Array.from(ids).filter((id) => this.token(id) !== undefined)
    if (known.length === 0) return ""
    // Some configurations ask for a clean-up that deletes spaces before punctuation.
    const options = { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false }
    return this.#limited(known.length, () => this.#library.decode(known, options))
  }

  /** The token of an id as the vocabulary has it, or undefined where there is none. */
  token(id: number): string | undefined {
    return this.#library.id_to_token(id)
  }

  /** Whether the id belongs to an added token, special or not. */
  isAdded(id: number): boolean {
    return this.#addedIds.has(id)
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
        where: this.#path,
        fix: "use the tokenizer of the model family this conversation format belongs to",
      })
    return id
  }

  /** Runs the library; a limit is set where its patterns could need it. */
  #limited<T>(length: number, work: () => T): T {
    if (!this.#slow && length <= LONG_TEXT) return work()
    try {
      return withTimeLimit(LEAST_TIME + Math.ceil(length / 200), work)
    } catch (cause) {
      if (!(cause instanceof OutOfTime)) throw cause
      throw new UserError(`a pattern of the tokenizer takes very long on this text: stopped after ${cause.seconds} s`, {
        where: this.#path,
        fix: 'use the tokenizer of the model this one was made from; its patterns ("Regex") must not nest repetitions',
        cause,
      })
    }
  }
}

function libraryTokenizer(definition: Json, config: Json, added: readonly AddedToken[]): HubTokenizer {
  const { pre_tokenizer: preTokenizer, normalizer = null, decoder = null, post_processor = null } = definition
  const vocabulary = (definition.model as Json).vocab as Json
  const library = new HubTokenizer(
    {
      ...definition,
      normalizer,
      decoder,
      post_processor,
      added_tokens: added.map(({ singleWord, ...token }) => ({ ...token, single_word: singleWord })),
      pre_tokenizer: preTokenizer ? exactPreTokenizer(preTokenizer as Json) : null,
    },
    config,
  )
  // For decoding the library has to know the added tokens; the model itself, as in the reference, must not make them.
  const known = library.model!.tokens_to_ids
  if (isObject(vocabulary))
    for (const { content } of added) {
      if (Object.hasOwn(vocabulary, content)) known.set(content, vocabulary[content] as number)
      else known.delete(content)
    }
  return library
}

/** The library's own sentences are kept; what the engine throws says nothing to people. */
function reasonOf(cause: unknown): string {
  if (cause instanceof UserError) return cause.message
  const { name, message } = cause as Error
  const isNamed = name === "Error" && /^Unknown [\w ]+: (?!undefined|null)"?\w{1,60}"?$/.test(message)
  return isNamed ? message : "its parts are not those of a tokenizer"
}

/** What is wrong with the first pattern that the library cannot use; undefined when it can use all. */
function brokenPattern(patterns: readonly string[]): string | undefined {
  for (const pattern of patterns)
    try {
      new HubTokenizer(onlySplitting(pattern), {})
    } catch (cause) {
      const reason = (cause as Error).message.replace(/^.*: /s, "")
      return `the pattern ${shown(pattern)} is no regular expression: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`
    }
  return undefined
}

/** A tokenizer that does nothing but to split by a pattern. */
const onlySplitting = (pattern: string): Json => ({
  model: { type: "BPE", vocab: {}, merges: [] },
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: split(pattern),
  post_processor: null,
  decoder: null,
})
