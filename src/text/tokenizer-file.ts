/** The files of a tokenizer, read and checked as far as a library that trusts them needs it. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { type Json, readJsonObject } from "../checkpoint/json.js"
import { UserError } from "../errors.js"
import type { AddedToken } from "./added-tokens.js"

/** No tokenizer has ids above: tables of their size are made. */
const MOST_IDS = 1 << 24

/** tokenizer.json and, if there is one, tokenizer_config.json of a model folder. */
export function readTokenizerFiles(folder: string): { path: string; definition: Json; config: Json } {
  const path = join(folder, "tokenizer.json")
  const configPath = join(folder, "tokenizer_config.json")
  const definition = readFile(path)
  const config = existsSync(configPath) ? readFile(configPath) : {}
  return { path, definition, config }
}

function readFile(path: string): Json {
  try {
    return readJsonObject(path)
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    throw new UserError(`the tokenizer file cannot be used: ${cause.message}`, {
      where: path,
      fix: "copy tokenizer.json and tokenizer_config.json from the model this one was made from",
      cause,
    })
  }
}

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < MOST_IDS

/** @throws UserError when the vocabulary or the steps are not what their places need */
export function checkDefinition(definition: unknown): asserts definition is Json {
  const require = (holds: boolean, what: string): void => {
    if (!holds) throw new UserError(what)
  }
  require(isObject(definition), "it is not an object")
  const { model, added_tokens: added = [], ...steps } = definition as Json
  for (const name of ["normalizer", "pre_tokenizer", "decoder", "post_processor"])
    require(steps[name] == null || isObject(steps[name]), `"${name}" is not an object`)
  for (const [name, step] of Object.entries(steps)) checkStep(step, name)
  require(isObject(model) && model.vocab != null, "it has no vocabulary")
  const { vocab, merges, type } = model as Json
  if (isObject(vocab)) {
    for (const token in vocab) require(isId(vocab[token]), `the token ${quoted(token)} has an id that cannot be`)
  } else {
    require(Array.isArray(vocab) && vocab.length < MOST_IDS, "its vocabulary is neither an object nor a list")
    const pairs = (vocab as unknown[]).every(
      (e) => Array.isArray(e) && typeof e[0] === "string" && Number.isFinite(e[1]),
    )
    require(pairs, "its vocabulary is not a list of tokens with scores")
  }
  if (type === "BPE" || merges !== undefined) {
    const isMerge = (merge: unknown): boolean =>
      typeof merge === "string" ||
      (Array.isArray(merge) && merge.length === 2 && merge.every((m) => typeof m === "string"))
    require(Array.isArray(merges) && merges.every(isMerge), '"merges" is not a list of pairs')
    require(isObject(vocab), "its vocabulary is not an object")
  }
  require(Array.isArray(added), '"added_tokens" is not a list')
}

/** Keys of a step that hold texts, whatever the step. */
const TEXTS = ["type", "behavior", "replacement", "prepend_scheme"]

/** A step of tokenizer.json and the steps inside it. */
function checkStep(step: unknown, name: string): void {
  if (!isObject(step)) return
  for (const key of TEXTS)
    if (step[key] != null && typeof step[key] !== "string") throw new UserError(`"${key}" of "${name}" is not a text`)
  for (const key of ["normalizers", "pretokenizers", "decoders", "processors"]) {
    const inner = step[key]
    if (inner != null && !Array.isArray(inner)) throw new UserError(`"${key}" of "${name}" is not a list`)
    for (const part of inner ?? []) checkStep(part, name)
  }
}

const quoted = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)

/**
 * The added tokens, as transformers puts them together: those of tokenizer.json, with the flags of
 * tokenizer_config.json where it lists them too, and those that only the latter has.
 */
export function addedTokens(
  { added_tokens: listed = [] }: Json,
  { added_tokens_decoder: decoder = {} }: Json,
): AddedToken[] {
  const tokens = new Map((listed as unknown[]).map((entry) => addedToken(entry)).map((token) => [token.content, token]))
  for (const [id, entry] of Object.entries(isObject(decoder) ? decoder : {})) {
    const token = addedToken({ ...(isObject(entry) && entry), id: Number(id) })
    tokens.set(token.content, { ...token, id: tokens.get(token.content)?.id ?? token.id })
  }
  return [...tokens.values()].sort((a, b) => a.id - b.id)
}

function addedToken(entry: unknown): AddedToken {
  const {
    id,
    content,
    special = false,
    single_word,
    lstrip,
    rstrip,
    normalized = !special,
  } = isObject(entry) ? entry : {}
  if (typeof content !== "string" || !isId(id))
    throw new UserError(`the added token ${quoted(JSON.stringify(entry) ?? "")} has no text, or an id that cannot be`)
  const flag = Boolean
  return {
    id,
    content,
    special: flag(special),
    singleWord: flag(single_word),
    lstrip: flag(lstrip),
    rstrip: flag(rstrip),
    normalized: flag(normalized),
  }
}
