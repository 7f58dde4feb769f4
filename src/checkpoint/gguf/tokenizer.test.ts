/** Tokenizers made from metadata: against SentencePiece, the Rust library, and what each kind of split must do. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import fc from "fast-check"
import { Tokenizer as RustTokenizer } from "tokenizers"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ggufBytes, numbers, type Typed, texts, tinyGguf } from "../../../test/support/gguf.js"
import { known } from "../../../test/support/known-characters.js"
import { UserError } from "../../errors.js"
import { Tokenizer } from "../../text/tokenizer/tokenizer.js"
import type { Json } from "../json.js"
import { readGguf } from "./file.js"
import { KNOWN_KINDS } from "./pre-tokenizers.js"
import { tokenizerOf } from "./tokenizer.js"

const fixtures = path.resolve(import.meta.dirname, "../../../test/fixtures/gguf")
let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "gguf-"))
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

/** The tokenizer of a file with these metadata, keys below `tokenizer.`; undefined takes a key away. */
function made(changes: Record<string, Typed | undefined>, architecture = "llama") {
  const metadata = { ...tinyGguf(architecture).metadata }
  for (const [key, value] of Object.entries(changes)) {
    if (value) metadata[`tokenizer.${key}`] = value
    else delete metadata[`tokenizer.${key}`]
  }
  const file = path.join(folder, "model.gguf")
  fs.writeFileSync(file, ggufBytes({ metadata, tensors: [] }))
  return tokenizerOf(readGguf(file))
}
function refusal(...args: Parameters<typeof made>): string {
  try {
    made(...args)
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return (error as UserError).message
  }
  throw new Error("it was accepted")
}
const rustOf = (definition: Json) => RustTokenizer.fromString(JSON.stringify(definition))

/** GPT-2's letters for bytes. */
const LETTERS = Array.from({ length: 256 }, (_, byte) => byte)
  .sort((a, b) => Number(!isPrintable(a)) - Number(!isPrintable(b)) || a - b)
  .reduce(
    (letters, byte, i) => letters.set(byte, String.fromCharCode(isPrintable(byte) ? byte : 256 + i - 188)),
    new Map(),
  )
function isPrintable(byte: number): boolean {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
}
const spelled = (text: string) => [...Buffer.from(text)].map((byte) => LETTERS.get(byte)).join("")

/** Tokens of bytes, of merged digits and letters, one without merges, and marks. */
const MERGED = ["12", "123", "1234", "ab", "abc", " a", " ab", "'s", "e\u0301", "\n\n"]
const PLAIN = [...LETTERS.values(), ...MERGED.map(spelled), "xyz"]
const TOKENS = [...PLAIN, "<|begin|>", "<|end|>", "<think>", "[PAD270]", "[PAD9]"]
const BEGIN = PLAIN.length
const bytePairs = (pre: string | undefined): Record<string, Typed | undefined> => ({
  "ggml.pre": pre === undefined ? undefined : ["string", pre],
  "ggml.tokens": texts(TOKENS),
  "ggml.token_type": numbers("i32", [...PLAIN.map(() => 1), 3, 3, 4, 5, 5]),
  "ggml.merges": texts(
    MERGED.map(spelled).map((token) => {
      // The cut that leaves a token before it, from the right.
      const cuts = Array.from(token, (_, i) => i)
        .slice(1)
        .reverse()
      const at = cuts.find((cut) => PLAIN.includes(token.slice(0, cut)) && PLAIN.includes(token.slice(cut)))
      return at === undefined ? "1 2" : `${token.slice(0, at)} ${token.slice(at)}`
    }),
  ),
  "ggml.bos_token_id": ["u32", BEGIN],
  "ggml.eos_token_id": ["u32", BEGIN + 1],
})
const pieces = ({ definition, config }: ReturnType<typeof made>, text: string, special = false) => {
  const tokenizer = new Tokenizer(definition, config)
  return tokenizer.encode(text, { special }).map((id) => tokenizer.token(id))
}

describe("byte-level", () => {
  it.each([
    ["llama-bpe", ["123", "4"], ["xyz"]],
    ["smaug-bpe", ["123", "4"], ["x", "y", "z"]],
    ["qwen2", ["1", "2", "3", "4"], ["x", "y", "z"]],
    ["tekken", ["1", "2", "3", "4"], ["xyz"]],
    ["smollm", ["1", "2", "3", "4"], ["x", "y", "z"]],
    ["gpt-2", ["1234"], ["x", "y", "z"]],
    ["default", ["1234"], ["x", "y", "z"]],
    [undefined, ["1234"], ["x", "y", "z"]],
  ])("%s cuts numbers and knows whole words as its family does", (pre, digits, word) => {
    const tokenizer = made(bytePairs(pre))
    expect(pieces(tokenizer, "1234")).toEqual(digits)
    expect(pieces(tokenizer, "xyz")).toEqual(word)
  })

  it("Qwen composes letters and accents, Llama 3 does not; files without a kind have their family's", () => {
    expect(pieces(made(bytePairs("qwen2")), "e\u0301")).toEqual([...spelled("é")])
    expect(pieces(made(bytePairs("llama-bpe")), "e\u0301")).not.toEqual([...spelled("é")])
    expect(pieces(made(bytePairs(undefined), "qwen3"), "1234")).toEqual(["1", "2", "3", "4"])
  })

  const text = fc
    .array(
      fc.oneof(
        fc.string({ unit: "grapheme", maxLength: 8 }),
        fc.constantFrom(
          "12345",
          " 678",
          "٣½Ⅷ",
          "don't",
          "I'LL",
          "xyz",
          " abc",
          "\n\n",
          "\r\n ",
          "  ",
          "<|end|>",
          "<think>",
        ),
      ),
      { maxLength: 8 },
    )
    .map((parts) => known(parts.join("")))

  it.each(KNOWN_KINDS)("%s gives the ids of the Rust library", async (pre) => {
    const { definition, config } = made(bytePairs(pre))
    const ours = new Tokenizer(definition, config)
    const rust = rustOf(definition)
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 12 }), async (list) => {
        const expected = await Promise.all(list.map((each) => rust.encode(each, null, { addSpecialTokens: false })))
        expect(list.map((each) => ours.encode(each, { special: true }))).toEqual(expected.map((each) => each.getIds()))
      }),
      { numRuns: 12 },
    )
  })

  it("marks are special, added words are not cut, fillers are no tokens", () => {
    const tokenizer = made(bytePairs("qwen2"))
    expect(pieces(tokenizer, "ab<|end|><think>", true)).toEqual(["ab", "<|end|>", "<think>"])
    const { specialTokens } = new Tokenizer(tokenizer.definition, tokenizer.config)
    expect([...specialTokens.keys()]).toEqual(["<|begin|>", "<|end|>"])
    const { vocab } = tokenizer.definition.model as { vocab: Record<string, number> }
    expect(vocab["<think>"]).toBe(BEGIN + 2)
    // The second does not stand for its own id: it is a token of the vocabulary.
    expect(TOKENS.indexOf("[PAD270]")).toBe(270)
    expect([vocab["[PAD270]"], vocab["[PAD9]"]]).toEqual([undefined, TOKENS.length - 1])
  })

  it("begins texts with a mark where the file or the family says so", async () => {
    const first = async (changes: Record<string, Typed | undefined>) => {
      const { definition, config } = made(changes)
      const ids = (await rustOf(definition).encode("ab")).getIds()
      expect(config.add_bos_token).toBe(ids[0] === BEGIN)
      return [ids[0] === BEGIN, ids.at(-1) === BEGIN + 1]
    }
    expect(await first(bytePairs("llama-bpe"))).toEqual([true, false])
    expect(await first(bytePairs("smollm"))).toEqual([false, false])
    expect(await first({ ...bytePairs("llama-bpe"), "ggml.add_bos_token": ["bool", false] })).toEqual([false, false])
    const both = { "ggml.add_bos_token": ["bool", true], "ggml.add_eos_token": ["bool", true] } as const
    expect(await first({ ...bytePairs("smollm"), ...both })).toEqual([true, true])
  })

  it("tells marks and the chat template as tokenizer_config.json does", () => {
    const { config } = made({ ...bytePairs("qwen2"), chat_template: ["string", "{{ messages }}"] })
    expect(config).toMatchObject({
      bos_token: "<|begin|>",
      eos_token: "<|end|>",
      unk_token: null,
      pad_token: null,
      chat_template: "{{ messages }}",
      clean_up_tokenization_spaces: false,
    })
  })

  it("tokens named like parts of JavaScript objects are tokens", () => {
    const changes = { "ggml.tokens": texts(["a", "b", "ab", "__proto__", "constructor", "<s>"]) }
    const { vocab } = made(changes).definition.model as { vocab: Record<string, number> }
    expect(Object.getOwnPropertyDescriptor(vocab, "__proto__")?.value).toBe(3)
    expect(Object.keys(vocab)).toHaveLength(6)
  })
})

describe("SentencePiece", () => {
  const { pieces: expected } = JSON.parse(fs.readFileSync(path.join(fixtures, "expected.json"), "utf8"))
  const { definition, config } = tokenizerOf(readGguf(path.join(fixtures, "llama.gguf")))
  const tokenizer = new Tokenizer(definition, config)

  it("gives the ids of SentencePiece, bytes for what is no token", async () => {
    expect(expected.texts.length).toBeGreaterThan(10)
    expect(expected.texts.map((text: string) => tokenizer.encode(text))).toEqual(expected.ids)
    const rust = rustOf(definition)
    const encoded = await Promise.all(
      expected.texts.map((text: string) => rust.encode(text, null, { addSpecialTokens: false })),
    )
    expect(encoded.map((each) => each.getIds())).toEqual(expected.ids)
  })

  it("decodes to the text again", () => {
    for (const text of expected.texts) {
      // SentencePiece has one sign for a space.
      expect(tokenizer.decode(tokenizer.encode(text)), text).toBe(text.replaceAll("▁", " "))
    }
  })

  it("marks are never made of letters, and begin a text", () => {
    expect(config).toMatchObject({ add_bos_token: true, bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" })
    expect(tokenizer.encode("<s>", { special: true })).toEqual([1])
    expect(tokenizer.encode("<s>")).not.toContain(1)
    expect([...tokenizer.specialTokens.keys()]).toEqual(["<unk>", "<s>", "</s>"])
  })

  const tokens = ["<unk>", "<s>", "▁", "a", "b", "ab", "ba", "▁a", "<s", ">"]
  const own = (changes: Record<string, Typed | undefined> = {}) => ({
    "ggml.model": ["string", "llama"] as const,
    "ggml.tokens": texts(tokens),
    "ggml.token_type": numbers("i32", [2, 3, 1, 1, 1, 1, 1, 1, 1, 1]),
    "ggml.scores": numbers("f32", [0, 0, -1, -2, -3, -8, -7, -9, -5, -6]),
    "ggml.merges": undefined,
    "ggml.eos_token_id": undefined,
    ...changes,
  })

  it("merges the best score first, without marks", () => {
    const merges = (made(own()).definition.model as { merges: string[][] }).merges
    expect(merges).toEqual([
      ["b", "a"],
      ["a", "b"],
      ["▁", "a"],
    ])
    const { definition: plain, config: settings } = made(own({ "ggml.add_space_prefix": ["bool", false] }))
    expect(new Tokenizer(plain, settings).encode("aba")).toEqual([3, 6])
    expect(pieces(made(own()), "ab")).toEqual(["▁", "ab"])
  })

  it("merges of the file are taken as they are", () => {
    const { model } = made(own({ "ggml.merges": texts(["a b"]), "ggml.scores": undefined })).definition
    expect((model as { merges: string[][] }).merges).toEqual([["a", "b"]])
  })

  it("is refused without scores, or with tokens that would take for ever", () => {
    expect(refusal(own({ "ggml.scores": undefined }))).toMatch(/scores is missing/)
    expect(refusal(own({ "ggml.scores": numbers("f32", [1]) }))).toMatch(/has 1 entries for 10 tokens/)
    expect(refusal(own({ "ggml.tokens": texts([...tokens.slice(1), "a".repeat(30_000)]) }))).toMatch(/too long/)
  })
})

describe("what is refused", () => {
  it.each([
    [{ "ggml.model": undefined }, /tokenizer\.ggml\.model is missing; known are/],
    [{ "ggml.model": ["string", "bert"] }, /is "bert"; known are "gpt2" \(byte-level\) and "llama"/],
    [{ "ggml.pre": ["string", "bloom"] }, /is "bloom"; known are llama-bpe,/],
    [{ "ggml.pre": ["string", "constructor"] }, /is "constructor"; known are/],
    [{ "ggml.tokens": undefined }, /no vocabulary/],
    [{ "ggml.tokens": texts([]) }, /no vocabulary/],
    [{ "ggml.tokens": numbers("i32", [1]) }, /not a list of texts/],
    [{ "ggml.token_type": numbers("i32", [1]) }, /has 1 entries for 6 tokens/],
    [{ "ggml.token_type": texts(["a"]) }, /not a list of numbers/],
    [{ "ggml.merges": undefined }, /merges is missing/],
    [{ "ggml.merges": texts(["a b c"]) }, /"a b c", which is no pair/],
    [{ "ggml.eos_token_id": ["u32", 6] }, /is 6; there are 6 tokens/],
    [{ "ggml.add_bos_token": ["u32", 1] }, /neither true nor false/],
    [{ chat_template: ["u32", 1] }, /is 1, not a text/],
  ] as [Record<string, Typed | undefined>, RegExp][])("%j", (changes, sentence) => {
    expect(refusal(changes)).toMatch(sentence)
  })
})
