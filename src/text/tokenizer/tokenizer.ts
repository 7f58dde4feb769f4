/** tokenizer.json → ids and back. Markup typed by people never becomes a token unless the text is trusted. */

import type { Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { finish, type Work } from "../../in-turns.js"
import { OutOfTime, withTimeLimit } from "../time-limit.js"
import { AddedTokens, type Section } from "./added-tokens.js"
import { mayBacktrack } from "./backtracking.js"
import { type Cut, cutAt, cutIn, type Encoded } from "./cuts.js"
import { type Decode, decoderOf } from "./decoder.js"
import { normalizerOf } from "./normalizer.js"
import { regexesOf } from "./pattern.js"
import { type PreTokenize, preTokenizerOf } from "./pre-tokenizer.js"
import { type Pieces, piecesOf } from "./token-pieces.js"
import { addedTokens, checkDefinition, endsOf, readTokenizerFiles } from "./tokenizer-file.js"
import { Vocabulary } from "./vocabulary.js"

/** Longer texts are always encoded under the time limit: two unbounded parts of a pattern can need their cube. */
const LONG_TEXT = 2048
const LEAST_TIME = 3000

export class Tokenizer {
  readonly #addedTokens: AddedTokens
  readonly #preTokenize: PreTokenize
  readonly #vocabulary: Vocabulary
  readonly #decode: Decode
  readonly #textPieces: Pieces | undefined
  /** Every added token, special or not. */
  readonly #added: ReadonlyMap<string, number>
  readonly #addedIds: ReadonlySet<number>
  readonly #path: string
  /** Some pattern may take very long. */
  readonly #slow: boolean
  /** Ids of the special tokens, by their text: those that `decode` leaves out. */
  readonly specialTokens: ReadonlyMap<string, number>
  readonly #specialIds: ReadonlySet<number>
  /** Ids that a plain text of this model begins and ends with, such as the <s> of Llama. */
  readonly ends: { before: readonly number[]; after: readonly number[] }
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
    this.#slow = regexesOf([normalizer, preTokenizer, decoder]).some(mayBacktrack)
    const added = addedTokens(definition, config)
    this.#preTokenize = preTokenizerOf(preTokenizer)
    this.#decode = decoderOf(decoder)
    this.#textPieces = piecesOf(decoder)
    this.#vocabulary = new Vocabulary(definition.model as Json, config, added)
    const normalize = normalizerOf(normalizer)
    this.#addedTokens = this.#limited(0, () => new AddedTokens(added, normalize))
    this.#added = new Map(added.map(({ content, id }) => [content, id]))
    this.#addedIds = new Set(this.#added.values())
    this.specialTokens = new Map(added.filter(({ special }) => special).map(({ content, id }) => [content, id]))
    this.#specialIds = new Set(this.specialTokens.values())
    this.ends = endsOf(definition, config, this.#added)
    this.size = this.#vocabulary.size
  }

  /**
   * With `special`, markup inside the text ("<|im_end|>", "<tool_call>") is tokens, as everywhere in the authors' code; it
   * is just these characters otherwise. Added tokens that are no markup, such as words of a field, are tokens in both cases.
   * @throws UserError when a pattern of the tokenizer takes too long
   */
  encode(text: string, { special = false }: { special?: boolean } = {}): number[] {
    if (text === "") return []
    const whole = wellFormed(text)
    return this.#limited(text.length, () =>
      this.#addedTokens.split(whole, special).flatMap((section) => {
        if (section.text === undefined) return [section.id!]
        return this.#tokensOf(section).map((token) => this.#vocabulary.idOf(token))
      }),
    )
  }

  /**
   * As `encode` with markup, but for markup that was typed and stays its characters.
   * @param guards places in the text, each behind the first character of such markup
   * @param cuts places in the text that are wanted in tokens
   */
  encodeAround(text: string, guards: readonly number[], cuts: readonly number[]): { ids: number[]; cuts: Cut[] } {
    const whole = wellFormed(text)
    const { normalize } = this.#addedTokens
    return this.#limited(text.length, () => {
      const ids: number[] = []
      const parts = this.#addedTokens.split(whole, true, new Set(guards)).map((section): Encoded => {
        const before = ids.length
        if (section.text === undefined) {
          ids.push(section.id!)
          return { section, before, cut: (place) => ({ ended: 0, begun: Math.min(place, 1) }) }
        }
        const tokens = this.#tokensOf(section)
        for (const token of tokens) ids.push(this.#vocabulary.idOf(token))
        return { section, before, cut: (place) => this.#cut(place, section, tokens) }
      })
      return { ids, cuts: cuts.map((place) => cutAt(place, whole, parts, ids.length, normalize)) }
    })
  }

  /** Places where markup begins in a text; `normalized`: there is more of it once the text is normalised. */
  marksIn(text: string): { raw: number[]; normalized: boolean } {
    return this.#limited(text.length, () => this.#addedTokens.marksIn(text))
  }

  #tokensOf(section: Section): string[] {
    return this.#vocabulary.tokensOf(this.#pieces(section))
  }

  #pieces({ text, start, offset }: Section, end?: number): string[] {
    return this.#preTokenize([text!.slice(0, end)], start === 0 && offset === 0)
  }

  #cut(position: number, section: Section, tokens: readonly string[]): Cut {
    const before = this.#pieces(section, position)
    const [whole, part] = [this.#pieces(section).join(""), before.join("")]
    const lengths = tokens.map((token) => this.#vocabulary.lengthOf(token))
    const known = lengths.reduce((sum, length) => sum + length, 0) === characters(whole)
    if (known && whole.startsWith(part)) return cutIn(characters(part), lengths)
    // Characters that the vocabulary or the pieces leave out: as if the text ended here.
    const ended = this.#vocabulary.tokensOf(before).length
    return { ended, begun: ended }
  }

  /**
   * Ids without a token, such as the mask id or an image slot, decode to nothing.
   * With `inside`, as in the middle of a text: the first token keeps the space that a text's beginning loses.
   */
  decode(
    ids: ArrayLike<number>,
    { skipSpecial = true, inside = false }: { skipSpecial?: boolean; inside?: boolean } = {},
  ): string {
    const tokens: string[] = []
    for (const id of Array.from(ids)) {
      const token = this.token(id)
      if (token !== undefined && !(skipSpecial && this.#specialIds.has(id))) tokens.push(token)
    }
    if (tokens.length === 0) return ""
    if (!inside) return this.#limited(tokens.length, () => this.#decode(tokens).join(""))
    const before = this.encode("a").flatMap((id) => this.token(id) ?? [])
    const [text, start] = this.#limited(tokens.length, () =>
      [[...before, ...tokens], before].map((tokens) => this.#decode(tokens).join("")),
    )
    return text.startsWith(start) ? text.slice(start.length) : text
  }

  /** The token of an id as the vocabulary has it, or undefined where there is none. */
  token(id: number): string | undefined {
    return this.#vocabulary.token(id)
  }

  /**
   * The bytes that each token stands for in a text, by id, also as its first token: undefined for added tokens and ids
   * without a token. Made anew at every call.
   * @throws UserError for a tokenizer whose tokens stand for other text beside other tokens
   */
  tokenBytes(): Record<"inside" | "first", (Uint8Array | undefined)[]> {
    return this.#limited(this.size, () => finish(this.tokenBytesInPieces()))
  }

  /** `tokenBytes`, as work in pieces. */
  *tokenBytesInPieces(): Work<Record<"inside" | "first", (Uint8Array | undefined)[]>> {
    const pieces = this.#textPieces
    if (!pieces)
      throw new UserError("the tokens of this tokenizer are no fixed pieces of text", {
        where: this.#path,
        fix: "use a model whose tokens are bytes or SentencePiece's: no format can be asked of this one",
      })
    const inside = yield* this.#bytesOfTokens(pieces.inside)
    return { inside, first: pieces.first === pieces.inside ? inside : yield* this.#bytesOfTokens(pieces.first) }
  }

  *#bytesOfTokens(piece: Pieces["inside"]): Work<(Uint8Array | undefined)[]> {
    const bytes: (Uint8Array | undefined)[] = []
    for (let id = 0; id < this.size; id++) {
      if (id % PIECE_OF_TOKENS === 0) yield
      const token = this.#addedIds.has(id) ? undefined : this.token(id)
      bytes.push(token === undefined ? undefined : piece(token))
    }
    return bytes
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

/** Tokens of one piece of work. */
const PIECE_OF_TOKENS = 1024

/** Half a character, which UTF-8 cannot write, is the sign for what cannot be read. */
const wellFormed = (text: string): string => text.replace(/\p{Cs}/gu, "\ufffd")

const characters = (text: string): number => Array.from(text).length

/** The library's own sentences are kept; what the engine throws says nothing to people. */
function reasonOf(cause: unknown): string {
  if (cause instanceof UserError) return cause.message
  const { name, message } = cause as Error
  const isNamed = name === "Error" && /^Unknown [\w ]+: (?!undefined|null)"?\w{1,60}"?$/.test(message)
  return isNamed ? message : "its parts are not those of a tokenizer"
}
