import { describe, expect, it } from "vitest"
import { asDiffusion } from "../../test/support/as-diffusion.js"
import { smallConfig } from "../../test/support/small-checkpoint.js"
import { normaliseConfig } from "../models/read-config.js"
import { withMask } from "../paradigms/translate.js"
import type { TokenAt } from "./mask-token.js"

/** A tokenizer that knows the first ids, and some others. */
const tokenizer =
  (size: number, others: Record<number, string> = {}): TokenAt =>
  (id) =>
    others[id] ?? (id < size ? `token ${id}` : undefined)

describe("the mask", () => {
  const config = normaliseConfig(smallConfig({ vocab_size: 151936 }))
  const maskOf = (known: TokenAt, of = config): number | undefined => withMask(of, known).tokens.mask

  it("is the usual row while it belongs to no token, then the last row that does not", () => {
    expect(maskOf(tokenizer(151665))).toBe(151671)
    expect(maskOf(tokenizer(151665, { 151671: "<mine>" }))).toBe(151935)
    expect(maskOf(tokenizer(151700, { 151935: "<last>" }))).toBe(151934)
  })

  it("is the last spare row of a vocabulary that ends before the usual one", () => {
    expect(maskOf(tokenizer(60), normaliseConfig(smallConfig()))).toBe(63)
  })

  it("is the row that config.json names, also a mask token of the tokenizer, but no other token", () => {
    const named = normaliseConfig(smallConfig({ mask_token_id: 62 }))
    expect(maskOf(tokenizer(60), named)).toBe(62)
    expect(maskOf(tokenizer(60, { 62: "<|mdm_mask|>" }), named)).toBe(62)
    expect(maskOf(tokenizer(60, { 62: "<mine>" }), named)).toBe(63)
    expect(maskOf(tokenizer(60, { 62: "mask" }), named)).toBe(63)
    expect(maskOf(tokenizer(60, { 62: "<mask_region>" }), named)).toBe(63)
  })

  it("is never one of the ids that the configuration uses", () => {
    const own = normaliseConfig(smallConfig({ vision_end_token_id: 63 }))
    expect(maskOf(tokenizer(60), own)).toBe(62)
  })

  it("stays what a diffusion model has learned, or is an error", () => {
    const learned = asDiffusion(config)
    expect(maskOf(tokenizer(151665), learned)).toBe(151671)
    expect(() => maskOf(tokenizer(151700), learned)).toThrow(/mask, id 151671, is the token "token 151671"/)
    const untrained = asDiffusion(config, { record: { enabled: false } })
    expect(maskOf(tokenizer(151700), untrained)).toBe(151935)
  })

  it("needs a spare row", () => {
    expect(() => maskOf(tokenizer(64), normaliseConfig(smallConfig()))).toThrow(/no row for a mask: all 64 rows/)
  })
})
