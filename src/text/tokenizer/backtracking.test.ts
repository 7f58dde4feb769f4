import { expect, it } from "vitest"
import { mayBacktrack } from "./backtracking.js"

it.each([
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  // Qwen2, Llama 3
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  // GPT-4o, Mistral
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}",
  "\\p{N}{1,3}(?=(?:\\p{N}{3})*\\b)",
  // Bloom: a bracket inside a class
  " ?[^(\\s|[.,!?…。，、।۔،])]+",
  "a{3}(bc){2}",
])("%s passes", (pattern) => expect(mayBacktrack(pattern)).toBe(false))

it.each([
  "(a+)+$",
  "(a|a)*$",
  "(?:a?){30}a{30}",
  "^(\\w+\\s?)*$",
  "((ab)*)*",
  "(?=(a*)*b)",
  "x*x*x*y",
  "a?a?a?a?a?a?a?a?a?aaaaaaaaa",
  "a{0,99}a{0,99}a{0,99}b",
  "[(](a+)+",
  "((a+))+",
])("%s may need very long", (pattern) => expect(mayBacktrack(pattern)).toBe(true))
