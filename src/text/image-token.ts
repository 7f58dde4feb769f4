/** The token that stands for a picture, in the tokenizer of a language model that has none: a spare one, or one that is added. */

import { isObject, type Json } from "../checkpoint/json.js"
import { UserError } from "../errors.js"
import { label } from "../readable.js"
import { Tokenizer } from "./tokenizer/tokenizer.js"

/** A tokenizer's files, as `readTokenizerFiles` gives them. */
export interface TokenizerFiles {
  path: string
  /** Content of tokenizer.json. */
  definition: Json
  /** Content of tokenizer_config.json. */
  config: Json
}

export interface ImageToken extends TokenizerFiles {
  token: string
  id: number
}

/** What tokenizers call it that have one, the most usual first. */
const NAMES = ["<image>", "<|image_pad|>", "<|image|>", "[IMG]"]
/** Rows that were left free for such things: <|reserved_special_token_7|>, <unused12>, [control_8], <|placeholder3|>. */
const SPARE = /^[<[]\|?(reserved|unused|spare|control|extra|placeholder)[a-z_]*\d+\|?[>\]]$/i

export interface ImageTokenOptions {
  /** Which added token it is to be. @default one that is called so, else a spare one, else <image> is added */
  wanted?: string
  /** Ids that mean something else, such as those that every conversation is written with. */
  used: (tokenizer: Tokenizer) => ReadonlySet<number>
  /** The one of them that is a mask: a row which may have no name. */
  mask?: number
}

/**
 * @returns the token, and the files in which it is one
 * @throws UserError when `wanted` is no added token of the tokenizer, or means something else
 */
export function withImageToken(files: TokenizerFiles, { wanted, mask, ...options }: ImageTokenOptions): ImageToken {
  const tokenizer = new Tokenizer(files.definition, files.config, files.path)
  const used = options.used(tokenizer)
  const isFree = (token: string): boolean => tokenizer.id(token) !== undefined && !used.has(tokenizer.id(token)!)
  const spares = [...tokenizer.specialTokens.keys()].filter((token) => SPARE.test(token)).reverse()
  if (wanted !== undefined && !isFree(wanted)) {
    const has = tokenizer.id(wanted) !== undefined
    throw new UserError(
      has
        ? `${label(wanted)} cannot stand for pictures: it means something else to the model`
        : `the tokenizer has no token ${label(wanted)} to stand for pictures`,
      { where: files.path, fix: "name one of its added tokens, or none: a spare one is taken, or <image> is added" },
    )
  }
  if (wanted !== undefined && wanted !== NAMES[0] && isFree(NAMES[0]))
    throw new UserError(`the tokenizer has ${NAMES[0]}, which stands for pictures, not ${label(wanted)}`, {
      where: files.path,
      fix: "name no token",
    })
  const token = wanted ?? [...NAMES, ...spares].find(isFree)
  return token === undefined
    ? added(files, tokenizer.size, { used, mask })
    : { ...files, token, id: tokenizer.id(token)! }
}

/** Ids of added tokens follow those of the vocabulary without a gap, or the reference implementation moves them. */
function added(
  { path, definition, config }: TokenizerFiles,
  first: number,
  { used, mask }: { used: ReadonlySet<number>; mask?: number },
): ImageToken {
  const entries: Json[] = []
  let id = first
  for (; used.has(id); id++) entries.push(entry(id, id === mask ? "<|mask|>" : `<|unused_${id}|>`))
  entries.push(entry(id, "<image>"))
  const { added_tokens: listed } = definition
  const { added_tokens_decoder: decoder } = config
  const named = Object.fromEntries(entries.map(({ id, ...rest }) => [String(id), rest]))
  return {
    path,
    definition: { ...definition, added_tokens: [...(Array.isArray(listed) ? listed : []), ...entries] },
    config: isObject(decoder) ? { ...config, added_tokens_decoder: { ...decoder, ...named } } : config,
    token: "<image>",
    id,
  }
}

const entry = (id: number, content: string): Json => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
})
