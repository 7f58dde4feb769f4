/** Learns a small byte-level BPE vocabulary and writes it in Qwen2.5's tokenizer format. Knows no model. */

import { join } from "node:path"
import { writeJson } from "../../src/checkpoint/files.js"
import { QWEN_CHAT_TEMPLATE } from "./chat-template.js"

/** Qwen2.5's split pattern, as its tokenizer.json has it. */
const PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
/** The same for JavaScript, which has no inline flags before version 22. */
const SPLIT = new RegExp(
  PATTERN.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])"),
  "gu",
)

/** Text every prompt holds besides its question: the system sentences and the roles. */
const PROMPT_TEXTS = [
  "system\nYou are a helpful assistant.",
  "system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
  "user\n",
  "assistant\n",
]

/** In Qwen2.5-VL's order, without those no picture conversation uses. */
const SPECIAL_TOKENS = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|vision_start|>",
  "<|vision_end|>",
  "<|vision_pad|>",
  "<|image_pad|>",
  "<|video_pad|>",
] as const
type SpecialToken = (typeof SPECIAL_TOKENS)[number]

export interface TrainedTokenizer {
  /** Content of tokenizer.json. */
  definition: Record<string, unknown>
  /** Content of tokenizer_config.json. */
  config: Record<string, unknown>
  ids: Record<SpecialToken, number> & {
    newline: number
    /** A row of the embedding that no text has: the mask of block diffusion. */
    mask: number
  }
  /** Rows the embedding needs: vocabulary, special tokens, mask, rounded up to a multiple of 8. */
  rows: number
}

/**
 * Learns a vocabulary of at most `size` entries, the 256 bytes included, from texts. Learning stops early when no pair
 * of neighbours occurs twice. A line break stays a token of its own, and so do marks beside letters ("/" of "/dog"): a
 * word has one form wherever it stands, but for the blank before it.
 */
export function trainTokenizer(texts: Iterable<string>, size = 2048): TrainedTokenizer {
  const merges = learnMerges(countPieces(texts), size - 256)
  const vocabulary = [...[...BYTE_LETTERS].sort(), ...merges.map((pair) => pair.join(""))]
  const first = vocabulary.length
  const added = SPECIAL_TOKENS.map((content, i) => ({ id: first + i, ...addedToken(content) }))
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false }
  const split = { type: "Split", pattern: { Regex: PATTERN }, behavior: "Isolated", invert: false }
  const definition = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: { type: "NFC" },
    pre_tokenizer: { type: "Sequence", pretokenizers: [split, byteLevel] },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(" ")),
    },
  }
  const mask = first + SPECIAL_TOKENS.length
  const special = Object.fromEntries(added.map(({ content, id }) => [content, id])) as Record<SpecialToken, number>
  return {
    definition,
    config: tokenizerConfig(special),
    ids: { ...special, newline: vocabulary.indexOf(NEWLINE), mask },
    rows: Math.ceil((mask + 1) / 8) * 8,
  }
}

/** Writes tokenizer.json, tokenizer_config.json and chat_template.json into a model folder. */
export async function writeTokenizer(folder: string, tokenizer: TrainedTokenizer): Promise<void> {
  await writeJson(join(folder, "tokenizer.json"), tokenizer.definition)
  await writeJson(join(folder, "tokenizer_config.json"), tokenizer.config)
  await writeJson(join(folder, "chat_template.json"), { chat_template: QWEN_CHAT_TEMPLATE })
}

function tokenizerConfig(special: Record<SpecialToken, number>): Record<string, unknown> {
  return {
    add_bos_token: false,
    add_prefix_space: false,
    added_tokens_decoder: Object.fromEntries(SPECIAL_TOKENS.map((content) => [special[content], addedToken(content)])),
    additional_special_tokens: SPECIAL_TOKENS.slice(1),
    bos_token: null,
    chat_template: QWEN_CHAT_TEMPLATE,
    clean_up_tokenization_spaces: false,
    eos_token: "<|im_end|>",
    errors: "replace",
    model_max_length: 131072,
    pad_token: "<|endoftext|>",
    split_special_tokens: false,
    tokenizer_class: "Qwen2Tokenizer",
    unk_token: null,
  }
}

function addedToken(content: string) {
  return { content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
}

/**
 * The letter that stands for each byte (GPT-2): printable Latin-1 for itself, the others from U+0100 on. The vocabulary
 * begins with them in the order of their code points.
 */
const BYTE_LETTERS: readonly string[] = byteLetters()
const NEWLINE = BYTE_LETTERS[10]
const BLANK = BYTE_LETTERS[32]
const CARRIAGE_RETURN = BYTE_LETTERS[13]
/** The letters of bytes that words are made of; every byte of a character beyond ASCII counts. */
const WORD_LETTERS = new Set(BYTE_LETTERS.filter((_, byte) => byte > 127 || /[A-Za-z]/.test(String.fromCharCode(byte))))

function byteLetters(): string[] {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173 && byte < 256)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++))
}

/** How often each piece of the pre-tokenizer occurs, as byte letters. */
function countPieces(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  const count = (text: string, times: number): void => {
    for (const [piece] of text.normalize("NFC").matchAll(SPLIT)) {
      const letters = Array.from(Buffer.from(piece, "utf8"), (byte) => BYTE_LETTERS[byte]).join("")
      counts.set(letters, (counts.get(letters) ?? 0) + times)
    }
  }
  let number = 0
  for (const text of texts) {
    count(text, 1)
    number++
  }
  // Every prompt has them, so they count as often as there are texts.
  for (const text of PROMPT_TEXTS) count(text, Math.max(2, number))
  return counts
}

/** Joins the most frequent pair of neighbours, again and again; among equals the one that sorts first. */
function learnMerges(pieces: Map<string, number>, limit: number): [string, string][] {
  const words = Array.from(pieces, ([letters, count]) => ({ tokens: [...letters], count }))
  const pairs = new Map<string, { count: number; words: Set<number> }>()
  const change = (word: number, sign: 1 | -1): void => {
    const { tokens, count } = words[word]
    for (let i = 0; i + 1 < tokens.length; i++) {
      if (!mayJoin(tokens[i], tokens[i + 1])) continue
      const key = `${tokens[i]} ${tokens[i + 1]}`
      let pair = pairs.get(key)
      if (!pair) {
        pair = { count: 0, words: new Set() }
        pairs.set(key, pair)
      }
      pair.count += sign * count
      pair.words.add(word)
    }
  }
  for (let word = 0; word < words.length; word++) change(word, 1)

  const merges: [string, string][] = []
  while (merges.length < limit) {
    let best = ""
    let most = 1
    for (const [key, { count }] of pairs)
      if (count > most || (count === most && best && key < best)) [best, most] = [key, count]
    if (!best) break
    const [left, right] = best.split(" ")
    merges.push([left, right])
    for (const word of pairs.get(best)!.words) {
      change(word, -1)
      words[word].tokens = joinPair(words[word].tokens, left, right)
      change(word, 1)
    }
    pairs.delete(best)
  }
  return merges
}

/** Letters join with letters and with one blank before them, marks with marks; a line break joins with nothing. */
function mayJoin(left: string, right: string): boolean {
  if ([NEWLINE, CARRIAGE_RETURN].some((letter) => left.endsWith(letter) || right.startsWith(letter))) return false
  return left === BLANK || WORD_LETTERS.has(left.at(-1)!) === WORD_LETTERS.has(right[0])
}

function joinPair(tokens: readonly string[], left: string, right: string): string[] {
  const out: string[] = []
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] === left && tokens[i + 1] === right) {
      out.push(left + right)
      i++
    } else out.push(tokens[i])
  }
  return out
}
