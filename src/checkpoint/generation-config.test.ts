/** generation_config.json: what is read, from which file, and a sentence for every value that cannot be. */

import fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { UserError } from "../errors.js"
import { normaliseGeneration, readGenerationConfig, requireKnownTokens } from "./generation-config.js"

const root = fs.mkdtempSync(join(tmpdir(), "generation-"))
afterAll(() => fs.rmSync(root, { recursive: true }))

const read = (json: unknown) => normaliseGeneration(json as Record<string, unknown>, "/model/generation_config.json")

describe("what is read", () => {
  it("the values of the published file", () => {
    const { file, values, unsupported } = read({
      bos_token_id: 151643,
      pad_token_id: 151643,
      do_sample: true,
      eos_token_id: [151645, 151643],
      repetition_penalty: 1.05,
      temperature: 0.000001,
      transformers_version: "4.49.0",
    })
    expect(values).toEqual({
      do_sample: true,
      eos_token_id: [151645, 151643],
      repetition_penalty: 1.05,
      temperature: 0.000001,
    })
    expect([file, unsupported]).toEqual(["generation_config.json", []])
  })
  it("null is absent, and unknown members are nothing", () => {
    const nothing = { temperature: null, top_k: null, eos_token_id: null, num_beams: null, my_own: ["x"], top_q: -1 }
    expect(read(nothing)).toEqual({ values: {}, unsupported: [] })
  })
  it("members that would change an answer and are not implemented are named, but not where they change nothing", () => {
    const { unsupported } = read({ num_beams: 4, guidance_scale: 1.5, num_return_sequences: 1, penalty_alpha: 0 })
    expect(unsupported.map(({ key, value }) => [key, value])).toEqual([
      ["num_beams", 4],
      ["guidance_scale", 1.5],
    ])
  })
})

describe("the file", () => {
  const folder = join(root, "model")
  fs.mkdirSync(folder)
  const file = join(folder, "generation_config.json")
  it("legacy members of config.json, then of its text_config, count only where there is no generation_config.json", () => {
    const config = { repetition_penalty: 1.1, top_k: null, text_config: { repetition_penalty: 1.3, top_k: 7 } }
    expect(readGenerationConfig(folder, config)).toMatchObject({
      file: "config.json",
      values: { repetition_penalty: 1.1, top_k: 7 },
    })
    fs.writeFileSync(file, '{"top_p": 0.5}')
    expect(readGenerationConfig(folder, config)).toMatchObject({
      file: "generation_config.json",
      values: { top_p: 0.5 },
    })
    expect(() => readGenerationConfig(join(root, "none"), { top_k: "many" })).toThrow("top_k: expected a number")
  })
  it.each([
    ["", "it is empty"],
    ["[]", "not a JSON object but an empty list"],
    ["null", "not a JSON object but null"],
    ['"x"', 'not a JSON object but "x"'],
    ['{"top_p": NaN}', "not finite"],
    ['{"top_p": 1,\n}', "line 2, column 1"],
    ['{"top_p": 0.5', "not a JSON file"],
  ])("%j", (text, sentence) => {
    fs.writeFileSync(file, text)
    expect(() => readGenerationConfig(folder)).toThrow(UserError)
    expect(() => readGenerationConfig(folder)).toThrow(sentence)
  })
  it("in another encoding, or a folder", () => {
    fs.writeFileSync(file, Uint8Array.of(0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d))
    expect(() => readGenerationConfig(folder)).toThrow("not UTF-8")
    fs.rmSync(file)
    fs.mkdirSync(file)
    expect(() => readGenerationConfig(folder)).toThrow("it is a folder, not a file")
    fs.rmdirSync(file)
  })
})

describe("values that cannot be are named with file and key", () => {
  it.each([
    [{ temperature: "0.7" }, 'temperature: expected 0 or a number between 1e-10 and 1000000, found "0.7"'],
    [{ temperature: -1 }, "temperature: expected 0 or a number"],
    [{ temperature: 1e-38 }, "temperature: expected 0 or a number"],
    [{ temperature: 1e300 }, "temperature: expected 0 or a number"],
    [{ top_k: -1 }, "top_k: expected at least 0, found -1"],
    [{ top_k: 1.5 }, "top_k: expected a whole number, found 1.5"],
    [{ top_k: 1e30 }, "top_k: expected at most 2147483648, found 1e+30"],
    [{ top_p: 1.5 }, "top_p: expected a number between 0 and 1, found 1.5"],
    [{ min_p: -0.1 }, "min_p: expected a number between 0 and 1"],
    [{ typical_p: 0 }, "typical_p: expected a number above 0"],
    [{ repetition_penalty: 0 }, "repetition_penalty: expected a number between 0.001 and 1000, found 0"],
    [{ repetition_penalty: "1.05" }, 'repetition_penalty: expected a number between 0.001 and 1000, found "1.05"'],
    [{ do_sample: "yes" }, 'do_sample: expected true or false, found "yes"'],
    [{ eos_token_id: "<|im_end|>" }, "eos_token_id: expected a number or a list"],
    [{ eos_token_id: [1, -2] }, "eos_token_id"],
    [{ bad_words_ids: [1] }, "bad_words_ids.0: expected a list, found 1"],
    [{ bad_words_ids: [[]] }, "bad_words_ids.0: expected a list of at least 1, found an empty list"],
    [{ sequence_bias: [[[1], "much"]] }, "sequence_bias.0.1: expected a number"],
    [{ sequence_bias: [[[1], 1e308]] }, "sequence_bias.0.1: expected a number"],
    [{ max_new_tokens: 0 }, "max_new_tokens: expected at least 1, found 0"],
    [{ max_length: 1e12 }, "max_length: expected at most 2147483648, found 1000000000000"],
    [{ exponential_decay_length_penalty: [1] }, "exponential_decay_length_penalty"],
  ])("%j", (json, sentence) => {
    try {
      read(json)
    } catch (error) {
      expect(error).toBeInstanceOf(UserError)
      const text = (error as UserError).format()
      expect(text).toContain(`/model/generation_config.json: ${sentence}`)
      expect(text).not.toMatch(/undefined|NaN|Invalid input|;/)
      return
    }
    throw new Error("nothing was thrown")
  })
  it("tokens beyond the vocabulary", () => {
    const config = read({ bad_words_ids: [[1, 70]] })
    expect(() => requireKnownTokens(config, 64, "/model")).toThrow("bad_words_ids: token 70 is outside the vocabulary")
    // Without a logit there is nothing to suppress.
    requireKnownTokens(read({ suppress_tokens: [70] }), 64, "/model")
    requireKnownTokens(read({ eos_token_id: [3, 70] }), 64, "/model")
    for (const eos_token_id of [64, [70, 64]])
      expect(() => requireKnownTokens(read({ eos_token_id }), 64, "/model")).toThrow(
        /^eos_token_id: token (64|70) is outside the vocabulary of 64, so no answer would ever end$/,
      )
  })
})
