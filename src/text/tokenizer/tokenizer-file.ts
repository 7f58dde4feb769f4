/** The files of a tokenizer, read and checked as far as a library that trusts them needs it. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { ggufFile } from "../../checkpoint/gguf/find.js"
import { openGgufModel } from "../../checkpoint/gguf/model.js"
import { isObject, type Json, readJsonObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { type AddedToken, contentOf } from "./added-tokens.js"
import { wordPieceDefinition } from "./word-piece.js"

/** No tokenizer has ids above: tables of their size are made. */
const MOST_IDS = 1 << 24

/** tokenizer.json (or BERT's vocab.txt) and, if there is one, tokenizer_config.json of a model folder; of a GGUF file what they would be. */
export function readTokenizerFiles(folder: string): { path: string; definition: Json; config: Json } {
  const gguf = ggufFile(folder)
  if (gguf !== undefined) return { path: gguf, ...openGgufModel(gguf).tokenizer() }
  const path = join(folder, "tokenizer.json")
  const configPath = join(folder, "tokenizer_config.json")
  const config = existsSync(configPath) ? readFile(configPath) : {}
  const vocabulary = join(folder, "vocab.txt")
  if (!existsSync(path)) {
    if (existsSync(vocabulary)) return { path: vocabulary, definition: wordPieceDefinition(vocabulary, config), config }
    refuseOtherFiles(folder)
  }
  return { path, definition: readFile(path), config }
}

/** Files of tokenizers in other forms, and what turns them into tokenizer.json. */
const OTHER_FORMS = [
  { files: ["tokenizer.model"], kind: "SentencePiece's tokenizer.model" },
  { files: ["vocab.json", "merges.txt"], kind: "the older vocab.json and merges.txt" },
  { files: ["tekken.json"], kind: "Mistral's tekken.json" },
]

const otherForm = (folder: string) =>
  OTHER_FORMS.find(({ files }) => files.every((file) => existsSync(join(folder, file))))

/** Whether there is a tokenizer, be it one that cannot be read. */
export const hasTokenizer = (source: string): boolean =>
  ggufFile(source) !== undefined || existsSync(join(source, "tokenizer.json")) || otherForm(source) !== undefined

function refuseOtherFiles(folder: string): void {
  const form = otherForm(folder)
  if (!form) return
  const quoted = `'${folder.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`
  const program = `from transformers import AutoTokenizer; AutoTokenizer.from_pretrained(${quoted}).save_pretrained(${quoted})`
  throw new UserError(`the folder has ${form.kind}, but no tokenizer.json, which is what is read`, {
    where: folder,
    fix: [
      "convert it once:",
      "    pip install transformers sentencepiece protobuf tiktoken",
      `    python -c "${program.replace(/[\\"$`]/g, "\\$&")}"`,
    ].join("\n"),
  })
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
 * tokenizer_config.json where it lists them too, those that only the latter has, and tokens of the vocabulary that it
 * names as special (eos_token and so on).
 */
export function addedTokens({ added_tokens: listed = [], model }: Json, config: Json): AddedToken[] {
  const { added_tokens_decoder: decoder = {} } = config
  const tokens = new Map((listed as unknown[]).map((entry) => addedToken(entry)).map((token) => [token.content, token]))
  for (const [id, entry] of Object.entries(isObject(decoder) ? decoder : {})) {
    const token = addedToken({ ...(isObject(entry) && entry), id: Number(id) })
    tokens.set(token.content, { ...token, id: tokens.get(token.content)?.id ?? token.id })
  }
  const { vocab } = model as Json
  for (const content of isObject(vocab) ? specialNames(config) : []) {
    if (!tokens.has(content) && Object.hasOwn(vocab as Json, content))
      tokens.set(content, addedToken({ id: (vocab as Json)[content], content, special: true }))
  }
  return [...tokens.values()].sort((a, b) => a.id - b.id)
}

/** What tokenizer_config.json names as special: bos_token, eos_token, …, and the additional ones. */
function specialNames(config: Json): string[] {
  const named = Object.keys(config).filter((key) => /^(bos|eos|unk|sep|pad|cls|mask)_token$/.test(key))
  const more = Array.isArray(config.additional_special_tokens) ? config.additional_special_tokens : []
  return [...named.map((key) => config[key]), ...more].flatMap((token) => contentOf(token) ?? [])
}

/** What transformers puts before and after a plain text: its Llama class by the configuration, others by the post-processor. */
export function endsOf(
  { post_processor: step }: Json,
  config: Json,
  ids: ReadonlyMap<string, number>,
): { before: number[]; after: number[] } {
  if (isObject(step) && typeof step.type !== "string") throw new UserError("its parts are not those of a tokenizer")
  if (/^LlamaTokenizer(Fast)?$/.test(String(config.tokenizer_class))) {
    const idOf = (name: string, usual: string): number[] => {
      const id = ids.get(contentOf(config[name]) ?? usual)
      return id === undefined ? [] : [id]
    }
    return {
      before: config.add_bos_token === false ? [] : idOf("bos_token", "<s>"),
      after: config.add_eos_token === true ? idOf("eos_token", "</s>") : [],
    }
  }
  const steps = isObject(step) && Array.isArray(step.processors) ? step.processors : [step]
  const pair = steps.find(
    (step): step is Json => isObject(step) && /^(Bert|Roberta)Processing$/.test(String(step.type)),
  )
  if (pair) return { before: idOfPair(pair.cls), after: idOfPair(pair.sep) }
  const template = steps.find((step): step is Json => isObject(step) && step.type === "TemplateProcessing")
  const single = Array.isArray(template?.single) ? template.single : []
  const text = single.findIndex((item) => isObject(item) && item.Sequence !== undefined)
  const idsOf = (items: readonly unknown[]): number[] =>
    items.flatMap((item) => {
      const token = isObject(item) && isObject(item.SpecialToken) ? contentOf(item.SpecialToken.id) : undefined
      return token === undefined ? [] : (ids.get(token) ?? [])
    })
  return { before: idsOf(single.slice(0, Math.max(text, 0))), after: idsOf(text < 0 ? [] : single.slice(text + 1)) }
}

/** ["[CLS]", 101] → its id. */
const idOfPair = (pair: unknown): number[] => (Array.isArray(pair) && isId(pair[1]) ? [pair[1]] : [])

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
