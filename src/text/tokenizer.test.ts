import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { Tokenizer as RustTokenizer } from "tokenizers"
import { describe, expect, it, onTestFinished } from "vitest"
import { UserError } from "../errors.js"
import { Tokenizer } from "./tokenizer.js"

const folder = join(import.meta.dirname, "..", "..", "test", "fixtures", "text", "qwen-style")
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
  .map((pieces) => pieces.join(""))

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
    expect(attempt()).toMatch(/tokenizer\.json: the tokenizer file cannot be read/)
    writeFileSync(join(broken, "tokenizer.json"), '{"model": ')
    expect(attempt()).toMatch(/tokenizer\.json: the tokenizer file is not JSON/)
    for (const wrong of ["null", "[]", "{}", '{"model": {"type": "BPE"}}', '{"added_tokens": 3}']) {
      writeFileSync(join(broken, "tokenizer.json"), wrong)
      expect(attempt(), wrong).toMatch(/tokenizer\.json: the tokenizer cannot be used/)
    }
    writeFileSync(join(broken, "tokenizer.json"), JSON.stringify(definition))
    writeFileSync(join(broken, "tokenizer_config.json"), "oops")
    expect(attempt()).toMatch(/tokenizer_config\.json: the tokenizer file is not JSON/)
  })
})
