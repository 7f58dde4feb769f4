/** The patterns of a tokenizer.json ({"String": …} or {"Regex": …}) as JavaScript's regular expressions. */

import type { Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { SplitPreTokenizer } from "./library.js"

/** GPT-2's split pattern, which ByteLevel applies by itself when `use_regex` is set. */
export const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/**
 * @param source Oniguruma's syntax, where \s, \w and \d are Unicode's
 * @returns a global, Unicode-aware expression
 */
export const regex = (source: string): RegExp => patternOf({ Regex: source })

/** @throws UserError when the pattern is neither text nor a regular expression that can be used */
export function patternOf(pattern: unknown): RegExp {
  const { String: text, Regex: source } = (pattern ?? {}) as Json
  if (typeof text === "string") return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gu")
  if (typeof source !== "string") throw new UserError("a pattern is neither a string nor a regular expression")
  try {
    // The library knows how Oniguruma's classes and escapes are written here.
    return new SplitPreTokenizer({ type: "Split", pattern: { Regex: source }, behavior: "Isolated", invert: false })
      .pattern!
  } catch (cause) {
    const reason = (cause as Error).message.replace(/^.*: /s, "")
    const what = `${reason.charAt(0).toLowerCase()}${reason.slice(1)}`
    throw new UserError(`the pattern ${shown(source)} is no regular expression: ${what}`, { cause })
  }
}

/** Every regular expression of a part of the definition. */
export function regexesOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return []
  const { Regex: regex } = value as Json
  return [...(typeof regex === "string" ? [regex] : []), ...Object.values(value).flatMap(regexesOf)]
}
