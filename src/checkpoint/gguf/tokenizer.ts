/** Metadata of a GGUF file → tokenizer.json and tokenizer_config.json of the same model. */
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import type { Json } from "../json.js"
import { architectureOf } from "./config.js"
import { Fields } from "./fields.js"
import type { GgufFile } from "./file.js"
import { KNOWN_KINDS, preTokenizerOf } from "./pre-tokenizers.js"
import { mergesOf } from "./sentencepiece.js"

export interface GgufTokenizer {
  /** Content of tokenizer.json. */
  definition: Json
  /** Content of tokenizer_config.json: marks, whether texts begin and end with them, the chat template. */
  config: Json
}

/** What `tokenizer.ggml.token_type` says of a token. */
const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4
const UNUSED = 5
const BYTE = 6
const NORMAL = 1

const MARKS = ["bos", "eos", "unknown", "padding"] as const

interface Vocabulary {
  tokens: string[]
  typeOf(id: number): number
  /** Ids of the marks that the file names. */
  marks: Partial<Record<(typeof MARKS)[number], number>>
}

/**
 * The tokenizer of a file.
 * @throws UserError naming the key that is missing or wrong, or the kind of tokenizer that is not known and those that are
 */
export function tokenizerOf(file: GgufFile): GgufTokenizer {
  const fields = new Fields(file)
  const vocabulary = readVocabulary(fields)
  const kind = fields.text("tokenizer.ggml.model")
  if (kind === "gpt2") return byteLevel(fields, vocabulary, architectureOf(file))
  if (kind === "llama") return sentencePiece(fields, vocabulary)
  throw fields.fail(
    "tokenizer.ggml.model",
    `is ${kind === undefined ? "missing" : shown(kind)}; known are "gpt2" (byte-level) and "llama" (SentencePiece)`,
  )
}

function readVocabulary(fields: Fields): Vocabulary {
  const tokens = fields.texts("tokenizer.ggml.tokens")
  if (!tokens || tokens.length === 0)
    throw new UserError("it has no vocabulary (tokenizer.ggml.tokens)", {
      where: fields.file.path,
      fix: "use a file that holds the tokenizer",
    })
  const types = fields.numbers("tokenizer.ggml.token_type")
  if (types && types.length !== tokens.length)
    throw fields.fail("tokenizer.ggml.token_type", `has ${types.length} entries for ${tokens.length} tokens`)
  const marks: Vocabulary["marks"] = {}
  for (const mark of MARKS) marks[mark] = fields.token(mark, tokens.length)
  return { tokens, typeOf: (id) => types?.[id] ?? NORMAL, marks }
}

/** Byte-level byte pairs: GPT-2's way, with the splits of the family. */
function byteLevel(fields: Fields, vocabulary: Vocabulary, architecture: string): GgufTokenizer {
  const name = fields.text("tokenizer.ggml.pre")
  const pre = preTokenizerOf(name, architecture)
  if (!pre) throw fields.fail("tokenizer.ggml.pre", `is ${shown(name)}; known are ${KNOWN_KINDS.join(", ")}`)
  const merges = fields.texts("tokenizer.ggml.merges")
  if (!merges) throw fields.fail("tokenizer.ggml.merges", "is missing")
  const pieces = merges.map((merge) => pairOf(fields, merge))
  const { normalizer, preTokenizer, ignoreMerges } = pre
  return assemble(fields, vocabulary, pre.addBos, {
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: bytePairs(vocabulary, pieces, { ignore_merges: ignoreMerges }),
  })
}

/** SentencePiece's byte pairs: spaces are "▁", and what is no token becomes tokens of bytes. */
function sentencePiece(fields: Fields, vocabulary: Vocabulary): GgufTokenizer {
  const { tokens, typeOf, marks } = vocabulary
  const scores = fields.numbers("tokenizer.ggml.scores")
  const given = fields.texts("tokenizer.ggml.merges")
  if (!given && scores?.length !== tokens.length)
    throw fields.fail(
      "tokenizer.ggml.scores",
      scores ? `has ${scores.length} entries for ${tokens.length} tokens` : "is missing",
    )
  const inTexts = (id: number) => ![UNKNOWN, CONTROL, UNUSED, BYTE].includes(typeOf(id))
  const merges = given?.map((merge) => pairOf(fields, merge)) ?? mergesOf(tokens, scores!, inTexts, fields.file.path)
  const prefix = fields.boolean("tokenizer.ggml.add_space_prefix") ?? true
  const unknown = marks.unknown ?? tokens.findIndex((_, id) => typeOf(id) === UNKNOWN)
  const spaces = { type: "Replace", pattern: { String: " " }, content: "▁" }
  return assemble(fields, vocabulary, true, {
    normalizer: { type: "Sequence", normalizers: prefix ? [{ type: "Prepend", prepend: "▁" }, spaces] : [spaces] },
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: bytePairs(vocabulary, merges, {
      unk_token: tokens[unknown] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
    }),
  })
}

function pairOf(fields: Fields, merge: string): [string, string] {
  const parts = merge.split(" ")
  if (parts.length === 2 && parts[0] !== "" && parts[1] !== "") return parts as [string, string]
  throw fields.fail("tokenizer.ggml.merges", `has ${shown(merge)}, which is no pair`)
}

/** llama.cpp's converter fills holes in a vocabulary with such tokens: the tokenizer never had them. */
const isFiller = ({ tokens, typeOf }: Vocabulary, id: number): boolean =>
  typeOf(id) === UNUSED && tokens[id] === `[PAD${id}]`

function bytePairs(vocabulary: Vocabulary, merges: [string, string][], options: Json): Json {
  const entries = vocabulary.tokens
    .map((token, id) => [token, id] as const)
    .filter(([, id]) => !isFiller(vocabulary, id))
  return {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ...options,
    vocab: Object.fromEntries(entries),
    merges,
  }
}

function assemble(fields: Fields, vocabulary: Vocabulary, addBosByDefault: boolean, steps: Json): GgufTokenizer {
  const { tokens, marks } = vocabulary
  const addBos = (fields.boolean("tokenizer.ggml.add_bos_token") ?? addBosByDefault) && marks.bos !== undefined
  const addEos = (fields.boolean("tokenizer.ggml.add_eos_token") ?? false) && marks.eos !== undefined
  const text = (id: number | undefined): string | null => (id === undefined ? null : tokens[id])
  const template = fields.text("tokenizer.chat_template")
  const before = addBos ? [marks.bos!] : []
  const after = addEos ? [marks.eos!] : []
  const surround = before.length + after.length > 0 ? [surrounding(tokens, before, after)] : []
  const processors = [...(steps.post_processor ? [steps.post_processor as Json] : []), ...surround]
  return {
    definition: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: addedTokens(vocabulary),
      ...steps,
      post_processor: processors.length > 1 ? { type: "Sequence", processors } : (processors[0] ?? null),
    },
    config: {
      add_bos_token: addBos,
      add_eos_token: addEos,
      bos_token: text(marks.bos),
      eos_token: text(marks.eos),
      unk_token: text(marks.unknown),
      pad_token: text(marks.padding),
      ...(template !== undefined && { chat_template: template }),
      clean_up_tokenization_spaces: false,
      tokenizer_class: "PreTrainedTokenizerFast",
    },
  }
}

/** Marks are special; tokens that the model's makers added, such as `<think>`, are only never cut. */
function addedTokens({ tokens, typeOf, marks }: Vocabulary): Json[] {
  const added: Json[] = []
  for (let id = 0; id < tokens.length; id++) {
    const special = [CONTROL, UNKNOWN].includes(typeOf(id)) || id === marks.bos || id === marks.eos
    if ((!special && typeOf(id) !== USER_DEFINED) || tokens[id] === "") continue
    added.push({
      id,
      content: tokens[id],
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special,
    })
  }
  return added
}

/** The step that puts marks before and after a text. */
function surrounding(tokens: string[], before: number[], after: number[]): Json {
  const marks = (ids: number[], type: number) => ids.map((id) => ({ SpecialToken: { id: tokens[id], type_id: type } }))
  const text = (id: string, type: number): Json[] => [
    ...marks(before, type),
    { Sequence: { id, type_id: type } },
    ...marks(after, type),
  ]
  return {
    type: "TemplateProcessing",
    single: text("A", 0),
    pair: [...text("A", 0), ...text("B", 1)],
    special_tokens: Object.fromEntries(
      [...before, ...after].map((id) => [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }]),
    ),
  }
}
