/** The model of a tokenizer.json: pieces → tokens. Markup is never made from the characters of a text. */

import type { Json } from "../../checkpoint/json.js"
import { isObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { type AddedToken, isMark } from "./added-tokens.js"
import { BYTE_TOKEN } from "./decoder.js"
import { BPE, type Model, Unigram, WordPiece } from "./library.js"

/** Pieces above are cut where no merge reaches across. */
const LONG_PIECE = 64

export class Vocabulary {
  readonly #model: Model
  /** Token of each id, those of added tokens included. */
  readonly #tokens: (string | undefined)[]
  readonly #bytes: boolean
  /** Characters without a token, where there is no token for the unknown: they vanish, and what was beside them meets. */
  readonly #drops: ((character: string) => boolean) | undefined

  /** Neighbouring characters that some merge brings together: between all others a long piece can be cut. */
  #joined: ReadonlySet<string> | undefined

  /** @throws UserError when the model is of an unknown kind */
  constructor(definition: Json, config: Json, added: readonly AddedToken[]) {
    const marks = new Set(added.filter(isMark).map(({ content }) => content))
    this.#model = modelOf(definition, config, marks)
    this.#bytes = definition.byte_fallback === true
    const known = this.#model.tokens_to_ids
    const isKnown = (character: string): boolean =>
      known.has(character) || (this.#bytes && byteTokens(character).every((token) => known.has(token)))
    if (this.#model instanceof BPE && this.#model.unk_token_id === undefined) this.#drops = (c) => !isKnown(c)
    this.#tokens = this.#model.vocab.slice()
    for (const { id, content } of added) this.#tokens[id] = content
    // Markup comes from the search for added tokens alone; a word may be in both. (Unigram's has a score instead.)
    if (!(this.#model instanceof Unigram)) for (const mark of marks) this.#model.tokens_to_ids.delete(mark)
  }

  /** One more than the largest id. */
  get size(): number {
    return this.#tokens.length
  }

  token(id: number): string | undefined {
    return this.#tokens[id]
  }

  /** Tokens of the pieces, in the vocabulary's writing. */
  tokensOf(pieces: readonly string[]): string[] {
    const known = this.#drops ? pieces.map((piece) => this.#withoutUnknown(piece)) : pieces
    // Each piece by itself: unknown characters become one token within a piece only.
    return known.flatMap((piece) => this.#model._call(piece.length > LONG_PIECE ? this.#parts(piece) : [piece]))
  }

  /** A piece in parts that give the same tokens: merging takes long in long ones, and a part often comes again. */
  #parts(piece: string): string[] {
    const { merges, ignore_merges } = this.#model as Model & { merges?: string[][]; ignore_merges?: boolean }
    // With ignore_merges a part that is a token would be taken whole, whether merges make it or not.
    if (!merges || ignore_merges) return [piece]
    this.#joined ??= new Set(
      merges.map(([left, right]) => (Array.from(left).at(-1) ?? "") + (Array.from(right)[0] ?? "")),
    )
    const parts: string[] = []
    let part = ""
    let last = ""
    for (const character of piece) {
      if (part !== "" && !this.#joined.has(last + character)) {
        parts.push(part)
        part = ""
      }
      part += character
      last = character
    }
    return [...parts, part]
  }

  #withoutUnknown(piece: string): string {
    if (this.#model.tokens_to_ids.has(piece)) return piece
    const characters = Array.from(piece)
    return characters.some(this.#drops!) ? characters.filter((c) => !this.#drops!(c)).join("") : piece
  }

  /** Id of a token that `tokensOf` gave. */
  idOf(token: string): number {
    return this.#model.tokens_to_ids.get(token) ?? this.#model.unk_token_id!
  }

  /** Characters of a piece that a token stands for: the first byte of a character counts, the others do not. */
  lengthOf(token: string): number {
    const byte = this.#bytes ? BYTE_TOKEN.exec(token)?.[1] : undefined
    if (byte === undefined) return Array.from(token).length
    return (Number.parseInt(byte, 16) & 0xc0) === 0x80 ? 0 : 1
  }
}

const byteTokens = (character: string): string[] =>
  Array.from(Buffer.from(character), (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`)

function modelOf(definition: Json, config: Json, marks: ReadonlySet<string>): Model {
  const { type, vocab } = definition
  const kind = type ?? (Array.isArray(vocab) ? "Unigram" : definition.merges === undefined ? "WordPiece" : "BPE")
  switch (kind) {
    case "BPE": {
      if (definition.continuing_subword_prefix)
        throw new UserError("tokens with a prefix inside words (continuing_subword_prefix) are not supported for BPE")
      const { unk_token: unknown } = definition
      const unk_token = isObject(vocab) && Object.hasOwn(vocab, String(unknown)) ? unknown : null
      return new BPE({ ...definition, unk_token, merges: mergesWithout(marks, definition) })
    }
    case "WordPiece":
      return new WordPiece(definition)
    case "Unigram": {
      const model = new Unigram(definition as never, config.eos_token)
      for (const mark of marks) {
        const id = model.tokens_to_ids.get(mark)
        if (id !== undefined && id !== model.unk_token_id) model.scores[id] = Number.MIN_SAFE_INTEGER
      }
      return model
    }
    default:
      throw new UserError(`Unknown TokenizerModel type: ${JSON.stringify(kind)}`)
  }
}

/** The merges that make no markup: nobody shall write "</s>" letter by letter. */
function mergesWithout(marks: ReadonlySet<string>, { vocab, merges }: Json): unknown {
  const known = [...marks].filter((mark) => isObject(vocab) && Object.hasOwn(vocab, mark))
  if (known.length === 0) return merges
  const made = new Set(known)
  return (merges as (string | string[])[]).filter((merge) => {
    const [left, right] = typeof merge === "string" ? merge.split(" ", 2) : merge
    return !made.has(left + right)
  })
}
