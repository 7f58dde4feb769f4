import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { Tokenizer as RustTokenizer } from "tokenizers"
import { describe, expect, it, onTestFinished } from "vitest"
import { known } from "../../../test/support/known-characters.js"
import { UserError } from "../../errors.js"
import { Tokenizer } from "./tokenizer.js"

const folder = join(import.meta.dirname, "..", "..", "..", "test", "fixtures", "text", "qwen-style")
const definition = JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8"))

/** The same vocabulary split as SmolLM2 and StarCoder split: where the library alone is inexact. */
const digitsGpt2 = {
  ...definition,
  normalizer: null,
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Digits", individual_digits: true },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  },
}

const specials = definition.added_tokens.map((token: { content: string }) => token.content)

/** Text of all kinds: words, spaces, digits of other scripts, byte order marks, combining marks, emoji, special tokens. */
const texts = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 12 }),
      fc.string({ unit: "grapheme-ascii", maxLength: 20 }),
      fc.constantFrom(
        "\ufeff",
        "\u0085",
        "²",
        "½",
        "①",
        "Ⅷ",
        "٣",
        " ",
        "  ",
        "\t",
        "\n",
        "\n\n",
        "\r\n",
        "e\u0301",
        "é",
      ),
      fc.constantFrom("the image", "don't", "We'LL", "it's", " 1234", "日本語", "👍🏽", "<image>", "ſ", "ß"),
      fc.constantFrom(...specials),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => known(pieces.join("")))

async function compare(ours: Tokenizer, rust: RustTokenizer, options: { special: boolean }): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(texts, { minLength: 1, maxLength: 30 }), async (list) => {
      const encodings = await rust.encodeBatch(list, { addSpecialTokens: false })
      const want = encodings.map((encoding) => encoding.getIds())
      expect(list.map((text) => ours.encode(text, options))).toEqual(want)
    }),
    { numRuns: 60 },
  )
}

describe("against the reference implementation", () => {
  for (const [name, json] of [
    ["Qwen's split", definition],
    ["digits and GPT-2's split", digitsGpt2],
  ] as const) {
    const ours = new Tokenizer(json, {})
    it(`encodes with special tokens recognised: ${name}`, async () => {
      await compare(ours, RustTokenizer.fromString(JSON.stringify(json)), { special: true })
    })
    it(`encodes special tokens as ordinary text: ${name}`, async () => {
      const bare = RustTokenizer.fromString(JSON.stringify({ ...json, added_tokens: [] }))
      await compare(ours, bare, { special: false })
    })
    it(`decodes any ids: ${name}`, async () => {
      const rust = RustTokenizer.fromString(JSON.stringify(json))
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: ours.size + 5 })),
          fc.boolean(),
          async (ids, skipSpecial) => {
            expect(ours.decode(ids, { skipSpecial })).toBe(await rust.decode(ids, skipSpecial))
          },
        ),
        { numRuns: 200 },
      )
    })
  }
})

/** Added tokens with every flag, words and runs of spaces among them. */
const flagged = [
  { content: "<lstrip>", lstrip: true, special: true },
  { content: "<rstrip>", rstrip: true, special: false, normalized: true },
  { content: "<both>", lstrip: true, rstrip: true },
  { content: "covfefe", single_word: true, normalized: true },
  { content: "image", single_word: true, lstrip: true },
  { content: "the image", special: false, normalized: false },
  { content: "  ", normalized: true },
  { content: "    ", normalized: true },
  { content: "\n\n\n" },
  { content: "cafe\u0301", normalized: true },
  { content: "Straße", normalized: true },
  { content: "[CITY]" },
].map((token, i) => ({
  id: 1522 + i,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: false,
  ...token,
}))

describe("added tokens with flags, against the reference implementation", () => {
  const pieces = fc.constantFrom(
    ...flagged.map(({ content }) => content),
    ...[
      "<|im_end|>",
      "<tool_call>",
      "COVFEFE",
      "strasse",
      "café",
      "a",
      "é",
      "_",
      "1",
      " ",
      "\u00a0",
      "\n",
      "\ufeff",
      "\u0085",
      "!",
      "im",
      "age",
    ],
  )
  const texts = fc.array(pieces, { maxLength: 12 }).map((list) => list.join(""))
  const added = [...definition.added_tokens, ...flagged]
  for (const [name, normalizer] of [
    ["none", null],
    ["NFC", { type: "NFC" }],
    ["lower case", { type: "Sequence", normalizers: [{ type: "NFKC" }, { type: "Lowercase" }] }],
    ["Llama's spaces", { type: "Replace", pattern: { String: " " }, content: "▁" }],
  ] as const) {
    const json = { ...definition, normalizer, added_tokens: added }
    const ours = new Tokenizer(json, {})
    const check = async (rust: RustTokenizer, special: boolean) => {
      const renumbered = new Map(added.map(({ content, id }) => [rust.tokenToId(content), id]))
      await fc.assert(
        fc.asyncProperty(texts, async (text) => {
          const ids = (await rust.encode(text, null, { addSpecialTokens: false })).getIds()
          // The reference numbers added tokens anew when some are left out.
          const want = ids.map((id) => renumbered.get(id) ?? id)
          expect(ours.encode(text, { special })).toEqual(want)
        }),
        { numRuns: 400 },
      )
    }

    it(`trusted text, normalizer: ${name}`, async () => {
      await check(RustTokenizer.fromString(JSON.stringify(json)), true)
    })

    it(`typed text knows words, but no markup, normalizer: ${name}`, async () => {
      const words = added.filter(({ content, special }) => !special && !/^[<[].*[>\]]$/s.test(content))
      await check(RustTokenizer.fromString(JSON.stringify({ ...json, added_tokens: words })), false)
    })
  }
})

describe("Tokenizer", () => {
  const tokenizer = Tokenizer.load(folder)

  it("keeps typed special tokens as text by default", () => {
    const end = tokenizer.require("<|im_end|>")
    expect(tokenizer.encode("<|im_end|>", { special: true })).toEqual([end])
    const plain = tokenizer.encode("<|im_end|>")
    expect(plain).not.toContain(end)
    expect(plain.length).toBeGreaterThan(1)
    expect(tokenizer.decode(plain)).toBe("<|im_end|>")
  })

  it("returns what it was given, whatever was typed", () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.normalize("NFC"))
      }),
    )
  })

  it("decodes ids without a token to nothing", () => {
    const hello = tokenizer.encode("hello")
    expect(tokenizer.decode([-200, ...hello, tokenizer.size, 999_999])).toBe("hello")
    expect(tokenizer.decode([])).toBe("")
    expect(tokenizer.decode([tokenizer.size + 6])).toBe("")
    expect(tokenizer.decode(Int32Array.from(hello))).toBe("hello")
  })

  it("never cleans up spaces, even when the configuration asks for it", () => {
    const eager = new Tokenizer(definition, { clean_up_tokenization_spaces: true })
    expect(eager.decode(eager.encode("a , b ."))).toBe("a , b .")
  })

  it("tells its special tokens and its size", () => {
    expect(tokenizer.size).toBe(1522)
    expect(tokenizer.id("<|im_end|>")).toBe(1502)
    expect(tokenizer.id("<tool_call>")).toBe(1514)
    expect(tokenizer.id("<nothing>")).toBeUndefined()
    expect(tokenizer.specialTokens.get("<|image_pad|>")).toBe(1512)
    expect(tokenizer.specialTokens.has("<tool_call>")).toBe(false)
    expect(() => tokenizer.require("<|eot_id|>")).toThrow(/no token <\|eot_id\|>/)
  })

  it("takes tokens and flags of tokenizer_config.json, as transformers does", () => {
    const added_tokens_decoder = {
      1514: { content: "<tool_call>", single_word: true },
      1522: { content: "zorbl", normalized: false },
    }
    const extended = new Tokenizer(definition, { added_tokens_decoder })
    expect(extended.encode("zorbl")).toEqual([1522])
    expect(extended.encode("x<tool_call>", { special: true })).not.toContain(1514)
    expect(extended.encode("x <tool_call>", { special: true })).toContain(1514)
    expect([extended, tokenizer].map((by) => by.token(1522))).toEqual(["zorbl", undefined])
  })

  it("does not let a model that takes whole words find added tokens by itself", () => {
    const model = { ...definition.model, ignore_merges: true }
    const whole = new Tokenizer({ ...definition, model, pre_tokenizer: null }, {})
    expect(whole.encode("<|im_end|>")).not.toContain(whole.require("<|im_end|>"))
  })

  it("stops a pattern that backtracks, in a sentence", () => {
    const Regex = "(a+)+$"
    for (const part of [
      { pre_tokenizer: { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false } },
      { normalizer: { type: "Replace", pattern: { Regex }, content: "" } },
    ]) {
      const made = mkdtempSync(join(tmpdir(), "dvl-slow-"))
      onTestFinished(() => rmSync(made, { recursive: true }))
      writeFileSync(join(made, "tokenizer.json"), JSON.stringify({ ...definition, ...part }))
      const slow = Tokenizer.load(made)
      expect(slow.encode("hello")).toEqual(expect.any(Array))
      expect(() => slow.encode(`${"a".repeat(64)}b`)).toThrow(
        expect.objectContaining({
          message: expect.stringMatching(/^a pattern of the tokenizer takes very long/),
          where: join(made, "tokenizer.json"),
        }),
      )
    }
  }, 30_000)

  it("refuses parts that are not those of a tokenizer without a word of JavaScript", () => {
    const { model } = definition
    for (const wrong of [
      { model: { ...model, vocab: { a: "b" } } },
      { model: { ...model, vocab: { a: 2 ** 40 } } },
      { model: { ...model, vocab: 3 } },
      { model: { ...model, merges: 3 } },
      { model: { ...model, merges: [3] } },
      { model: { ...model, type: 3, vocab: [null] } },
      { added_tokens: [null] },
      { added_tokens: [{ id: -1, content: "<x>" }] },
      { normalizer: 3 },
      { normalizer: { type: "Replace", pattern: { Regex: "(" } } },
      { pre_tokenizer: { type: "Sequence" } },
      { pre_tokenizer: { type: "Nothing" } },
      {
        pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Split", pattern: { String: "x" }, behavior: 7 }] },
      },
      { decoder: [] },
    ]) {
      const broken = mkdtempSync(join(tmpdir(), "dvl-tokenizer-"))
      onTestFinished(() => rmSync(broken, { recursive: true }))
      writeFileSync(join(broken, "tokenizer.json"), JSON.stringify({ ...definition, ...wrong }))
      expect(() => Tokenizer.load(broken), JSON.stringify(wrong).slice(0, 80)).toThrow(
        /^the tokenizer cannot be used: (?!.*(undefined|not a function|not iterable|Invalid reg|Cannot))/,
      )
    }
  })

  it.each([
    [{ pre_tokenizer: { type: "Split", pattern: { Regex: "[" }, behavior: "Isolated" } }, '"["', "unterminated"],
    [
      { pre_tokenizer: { type: "Split", pattern: { Regex: "(a+)+[" }, behavior: "Isolated" } },
      '"(a+)+["',
      "unterminated",
    ],
    [{ normalizer: { type: "Replace", pattern: { Regex: "a/(b" }, content: "" } }, '"a/(b"', "unterminated group"],
    [{ decoder: { type: "Replace", pattern: { Regex: "x**" }, content: "" } }, '"x**"', "nothing to repeat"],
  ])("names a pattern that is none: %j", (wrong, pattern, reason) => {
    const broken = mkdtempSync(join(tmpdir(), "dvl-tokenizer-"))
    onTestFinished(() => rmSync(broken, { recursive: true }))
    writeFileSync(join(broken, "tokenizer.json"), JSON.stringify({ ...definition, ...wrong }))
    expect(() => Tokenizer.load(broken)).toThrow(
      `the tokenizer cannot be used: the pattern ${pattern} is no regular expression: ${reason}`,
    )
  })

  it("says which file is missing or broken", () => {
    const broken = mkdtempSync(join(tmpdir(), "dvl-tokenizer-"))
    onTestFinished(() => rmSync(broken, { recursive: true }))
    const attempt = (): string => {
      try {
        Tokenizer.load(broken)
      } catch (error) {
        expect(error).toBeInstanceOf(UserError)
        return (error as UserError).format()
      }
      return "no error"
    }
    expect(attempt()).toMatch(/tokenizer\.json: the tokenizer file cannot be used: .*no such file/)
    writeFileSync(join(broken, "tokenizer.json"), '{"model": ')
    expect(attempt()).toMatch(/tokenizer\.json: the tokenizer file cannot be used: not a JSON file: it ends too early/)
    for (const wrong of ["null", "[]", "{}", '{"model": {"type": "BPE"}}', '{"added_tokens": 3}']) {
      writeFileSync(join(broken, "tokenizer.json"), wrong)
      expect(attempt(), wrong).toMatch(/tokenizer\.json: the tokenizer (file )?cannot be used/)
    }
    const nameless = { ...definition, post_processor: {} }
    writeFileSync(join(broken, "tokenizer.json"), JSON.stringify(nameless))
    expect(attempt()).toMatch(/its parts are not those of a tokenizer/)
    writeFileSync(join(broken, "tokenizer.json"), JSON.stringify(definition))
    writeFileSync(join(broken, "tokenizer_config.json"), "oops")
    expect(attempt()).toMatch(
      /tokenizer_config\.json: the tokenizer file cannot be used: not a JSON file: "o" stands where/,
    )
  })
})
