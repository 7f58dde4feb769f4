/** Ids of tokens that config.json names: rows of the model, and what its tokenizer calls so. */

import path from "node:path"
import { UserError } from "../errors.js"
import { label } from "../readable.js"
import type { ModelConfig } from "./config.js"
import type { Json } from "./json.js"

/** Keys of config.json: transformers' default, and for tokens that stand for pictures what tokenizers call them. */
const KEYS: [key: string, usual?: number, token?: string][] = [
  ["bos_token_id", 151643],
  ["eos_token_id", 151645],
  ["pad_token_id"],
  ["image_token_id", 151655, "<|image_pad|>"],
  ["video_token_id", 151656, "<|video_pad|>"],
  ["vision_start_token_id", 151652, "<|vision_start|>"],
  ["vision_end_token_id", 151653, "<|vision_end|>"],
]

/** What is asked of a tokenizer. */
interface TokenNames {
  /** Id of an added token. */
  id(token: string): number | undefined
  token(id: number): string | undefined
}

/**
 * Ids that config.json leaves out are not looked at, nor the defaults, which every model of a smaller vocabulary is saved
 * with.
 * @throws UserError for an id outside the vocabulary, and for one that stands for pictures where the tokenizer has another
 */
export function requireConfigTokens({ raw, text }: ModelConfig, tokenizer: TokenNames, folder: string): void {
  const where = path.join(folder, "config.json")
  const { vocabSize } = text
  const nested = raw.text_config
  const inner = typeof nested === "object" && nested !== null && !Array.isArray(nested) ? (nested as Json) : {}
  for (const [key, usual, token] of KEYS) {
    const named = [...idsOf(inner[key]), ...idsOf(raw[key])].filter((id) => id < vocabSize || id !== usual)
    const beyond = named.find((id) => id >= vocabSize)
    if (beyond !== undefined)
      throw new UserError(`${key}: token ${beyond} is outside the vocabulary of ${vocabSize}`, {
        where,
        fix: "set it to the id that the model's tokenizer has for this token",
      })
    const right = token === undefined ? undefined : tokenizer.id(token)
    const wrong = right === undefined ? undefined : named.find((id) => id !== right)
    if (wrong === undefined) continue
    const other = tokenizer.token(wrong)
    throw new UserError(
      `${key}: token ${wrong} is ${other === undefined ? "no token" : label(other)} of the tokenizer, whose ${token} is ${right}`,
      { where, fix: `set it to ${right}, or use the tokenizer files that belong to the model` },
    )
  }
}

/** One id or several, or none. */
const idsOf = (value: unknown): number[] =>
  [value ?? []].flat().filter((id): id is number => typeof id === "number" && id >= 0)
