/** Ids of tokens that config.json names: rows of the model, and what its tokenizer calls so. */

import path from "node:path"
import type { ModelConfig } from "../checkpoint/config.js"
import type { Json } from "../checkpoint/json.js"
import { UserError } from "../errors.js"
import { label } from "../readable.js"
import type { NamedToken } from "./architecture.js"
import { architectureOf } from "./registry.js"

/** Of every family. */
const KEYS: readonly NamedToken[] = [{ key: "bos_token_id" }, { key: "eos_token_id" }, { key: "pad_token_id" }]

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
export function requireConfigTokens(config: ModelConfig, tokenizer: TokenNames, folder: string): void {
  const { raw, text } = config
  const where = path.join(folder, "config.json")
  const { vocabSize } = text
  const nested = raw.text_config
  const inner = typeof nested === "object" && nested !== null && !Array.isArray(nested) ? (nested as Json) : {}
  for (const { key, usual, token } of architectureOf(config).namedTokens ?? KEYS) {
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
