/** How texts are cut before byte pairs are merged: the kinds that `tokenizer.ggml.pre` names, as tokenizer.json says them. */
import type { Json } from "../json.js"

export interface PreTokenizer {
  normalizer: Json | null
  preTokenizer: Json
  /** A piece that is a token as it is needs no merging. */
  ignoreMerges: boolean
  /** Whether texts begin with the token for it where the file does not say. */
  addBos: boolean
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const split = (digits: string): string =>
  `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
const LLAMA3 = split("\\p{N}{1,3}")
const QWEN2 = split("\\p{N}")
const TEKKEN =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

const byteLevel = (useRegex: boolean): Json => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
})
const sequence = (...pretokenizers: Json[]): Json => ({ type: "Sequence", pretokenizers })
const splitBy = (pattern: string): Json =>
  sequence({ type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false }, byteLevel(false))

const plain = (preTokenizer: Json): PreTokenizer => ({
  normalizer: null,
  preTokenizer,
  ignoreMerges: false,
  addBos: false,
})
const whole = (pattern: string): PreTokenizer => ({ ...plain(splitBy(pattern)), ignoreMerges: true, addBos: true })

const GPT2 = plain(byteLevel(true))
const QWEN = { ...plain(splitBy(QWEN2)), normalizer: { type: "NFC" } }
const DIGITS = plain(sequence({ type: "Digits", individual_digits: true }, byteLevel(true)))

const KINDS: Record<string, PreTokenizer> = {
  "llama-bpe": whole(LLAMA3),
  llama3: whole(LLAMA3),
  "llama-v3": whole(LLAMA3),
  falcon3: whole(LLAMA3),
  pixtral: whole(LLAMA3),
  "smaug-bpe": plain(splitBy(LLAMA3)),
  dbrx: plain(splitBy(LLAMA3)),
  qwen2: QWEN,
  "deepseek-r1-qwen": plain(splitBy(QWEN2)),
  smollm: DIGITS,
  starcoder: DIGITS,
  tekken: whole(TEKKEN),
  "gpt-2": GPT2,
}

export const KNOWN_KINDS = [...Object.keys(KINDS), "default"]

/** The kind of that name; "default", or none, is what the architecture's first models had. Undefined where it is unknown. */
export function preTokenizerOf(name: string | undefined, architecture: string): PreTokenizer | undefined {
  if (name === undefined || name === "default") return architecture.startsWith("qwen") ? QWEN : GPT2
  return Object.hasOwn(KINDS, name) ? KINDS[name] : undefined
}
