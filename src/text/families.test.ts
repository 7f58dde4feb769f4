/** Tokenizers with the settings of each family, against the reference implementation. Made by test/fixtures/text/families. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { Tokenizer as RustTokenizer } from "tokenizers"
import { describe, expect, it, onTestFinished } from "vitest"
import { known } from "../../test/support/known-characters.js"
import type { Json } from "../checkpoint/json.js"
import type { UserError } from "../errors.js"
import { TextStream } from "./tokenizer/text-stream.js"
import { Tokenizer } from "./tokenizer/tokenizer.js"

interface Family {
  definition: Json & { added_tokens: { id: number; content: string; special: boolean }[] }
  config: Json
  cases: { text: string; ids: number[]; decoded: string; kept: string }[]
}

const KINDS = ["llama3", "smollm2", "llada", "llama2", "mistral", "metaspace"]
const families = join(import.meta.dirname, "..", "..", "test", "fixtures", "text", "families")
const read = (kind: string): Family => JSON.parse(readFileSync(join(families, `${kind}.json`), "utf8"))

const pieces = (marks: readonly string[]) =>
  fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc.string({ unit: "grapheme-ascii", maxLength: 20 }),
    fc.string({ unit: "binary", maxLength: 6 }),
    fc.constantFrom(
      "\ufeff",
      "\u0085",
      "²",
      "½",
      "Ⅷ",
      "٣",
      " ",
      "  ",
      "     ",
      "\t",
      "\n",
      "\n\n",
      "\r\n",
      "\u001f",
      "\0",
    ),
    fc.constantFrom(
      "the image",
      "don't",
      "We'LL",
      "it's",
      " 1234",
      "日本語",
      "👍🏽",
      "👨‍👩‍👧",
      "🇩🇪",
      "ſ",
      "e\u0301",
      "\u0301",
    ),
    fc.constantFrom(
      "▁",
      "▁▁",
      " ▁",
      "Ġ",
      "<0x41>",
      "<0xE6>",
      "</",
      "s>",
      "picturesque",
      " picturesque",
      "\ud800",
      "a".repeat(300),
    ),
    fc.constantFrom(...marks),
  )
const textsWith = (marks: readonly string[]) =>
  fc.array(pieces(marks), { maxLength: 8 }).map((list) => known(list.join("")))

describe.each(KINDS)("a tokenizer as %s has it", (kind) => {
  const { definition, config, cases } = read(kind)
  const ours = new Tokenizer(definition, config)
  const rust = RustTokenizer.fromString(JSON.stringify(definition))
  const marks = definition.added_tokens.map(({ content }) => content)
  const texts = textsWith(marks)

  it("gives the reference's ids and texts", () => {
    expect(cases.length).toBeGreaterThan(10)
    for (const { text, ids, decoded, kept } of cases) {
      expect(ours.encode(text, { special: true }), text).toEqual(ids)
      expect(ours.decode(ids), text).toBe(decoded)
      expect(ours.decode(ids, { skipSpecial: false }), text).toBe(kept)
    }
  })

  it("encodes any text", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { minLength: 1, maxLength: 30 }), async (list) => {
        const want = (await rust.encodeBatch(list, { addSpecialTokens: false })).map((encoding) => encoding.getIds())
        expect(list.map((text) => ours.encode(text, { special: true }))).toEqual(want)
      }),
      { numRuns: 40 },
    )
  })

  it("decodes any ids", async () => {
    const anyIds = fc.array(fc.integer({ min: 0, max: ours.size + 5 }))
    await fc.assert(
      fc.asyncProperty(anyIds, fc.boolean(), async (ids, skipSpecial) => {
        expect(ours.decode(ids, { skipSpecial })).toBe(await rust.decode(ids, skipSpecial))
      }),
      { numRuns: 300 },
    )
  })

  it("never makes markup of what was typed, not even from its letters", () => {
    const unknown = ours.id("<unk>")
    fc.assert(
      fc.property(texts, (text) => {
        expect(ours.encode(text).filter((id) => ours.isAdded(id) && id !== unknown)).toEqual([])
      }),
      { numRuns: 300 },
    )
    for (const mark of marks) expect(ours.decode(ours.encode(mark))).toBe(mark)
  })

  it("gives out the same text piece by piece as at once", () => {
    fc.assert(
      fc.property(texts, (typed) => {
        // The sign for what cannot be read looks like a character that is not yet whole.
        const text = typed.replace(/[\p{Cs}\ufffd]/gu, "?")
        const ids = ours.encode(text, { special: true })
        const stream = new TextStream(ours)
        const given = [...ids.map((id) => stream.push(id)), stream.finish()].join("")
        expect(given).toBe(ours.decode(ids))
        expect(stream.written).toBe(ids.length)
      }),
      { numRuns: 300 },
    )
  })

  it("knows where a place of the text is in the tokens", () => {
    fc.assert(
      fc.property(texts, texts, (before, after) => {
        const [text, place] = [before + after, before.length]
        const { ids, cuts } = ours.encodeAround(text, [], [0, place, text.length])
        expect(ids).toEqual(ours.encode(text, { special: true }))
        expect([cuts[0], cuts[2]]).toEqual([
          { ended: 0, begun: 0 },
          { ended: ids.length, begun: ids.length },
        ])
        expect(cuts[1].begun).toBeGreaterThanOrEqual(cuts[1].ended)
        expect(cuts[1].begun - cuts[1].ended).toBeLessThanOrEqual(4)
      }),
      { numRuns: 300 },
    )
  })
})

it("gives out characters of several byte tokens whole, and the first token's space once", () => {
  const { definition, config } = read("llama2")
  const tokenizer = new Tokenizer(definition, config)
  const push = (text: string) => {
    const stream = new TextStream(tokenizer)
    return tokenizer.encode(text).map((id) => stream.push(id))
  }
  expect(push("🐕").filter((text) => text !== "")).toEqual(["🐕"])
  expect(push("\ufffd🐕").join("")).toBe("\ufffd🐕")
  expect(push(" the image").join("")).toBe(" the image")
  expect(push("the the").join("")).toBe("the the")
})

it("keeps typed markup text where the vocabulary has scores instead of merges", async () => {
  const vocab = [
    ["<unk>", 0],
    ["<s>", 0],
    ["▁a", -1],
    ["b", -2],
    ["<", -3],
    ["s", -3],
    [">", -3],
    ["▁", -4],
    ["▁<s", -5],
  ]
  const [{ definition }, space] = [
    read("llama2"),
    { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
  ]
  const steps = { normalizer: null, post_processor: null, pre_tokenizer: space, decoder: space }
  const unigram = {
    ...definition,
    ...steps,
    added_tokens: [definition.added_tokens[1]],
    model: { type: "Unigram", unk_id: 0, vocab },
  }
  const ours = new Tokenizer(unigram, {})
  const rust = RustTokenizer.fromString(JSON.stringify(unigram))
  for (const text of ["a b", "xyz b zz", "<s>a <s", "b<s>"])
    expect(ours.encode(text, { special: true })).toEqual(
      (await rust.encode(text, null, { addSpecialTokens: false })).getIds(),
    )
  expect(ours.encode("a<s>").map((id) => ours.token(id))).toEqual(["▁a", "<", "s", ">"])
})

it("shows a token alone as it is inside a text", () => {
  for (const kind of KINDS) {
    const { definition, config } = read(kind)
    const tokenizer = new Tokenizer(definition, config)
    const ids = tokenizer.encode("a the image")
    const inside = ids.slice(1).map((id) => tokenizer.decode([id], { inside: true }))
    expect(tokenizer.decode(ids.slice(0, 1)) + inside.join(""), kind).toBe("a the image")
    const special = [...tokenizer.specialTokens.values()][0]
    expect(tokenizer.decode([special], { inside: true }), kind).toBe("")
  }
})

it("finds places before, inside and behind a token", () => {
  const { definition, config } = read("llama2")
  const tokenizer = new Tokenizer(definition, config)
  const text = "<s>é the</s>"
  const { ids, cuts } = tokenizer.encodeAround(text, [], [1, 3, 4, 6, 8, 12])
  const tokens = ids.map((id) => tokenizer.token(id))
  expect(tokens).toEqual(["<s>", "▁", "é", "▁the", "</s>"])
  expect(cuts).toEqual([
    { ended: 0, begun: 1 },
    { ended: 1, begun: 1 },
    { ended: 3, begun: 3 },
    { ended: 3, begun: 4 },
    { ended: 4, begun: 4 },
    { ended: 5, begun: 5 },
  ])
})

it("knows what a plain text begins and ends with, as transformers does", () => {
  const ends = (kind: string, more: Json = {}) => {
    const { definition, config } = read(kind)
    const tokenizer = new Tokenizer(definition, { ...config, ...more })
    const { before, after } = tokenizer.ends
    return [...before, 0, ...after].map((id) => (id === 0 ? "…" : tokenizer.token(id))).join(" ")
  }
  expect(ends("llama2")).toBe("<s> …")
  expect(ends("llama3")).toBe("<|begin_of_text|> …")
  expect(ends("smollm2")).toBe("…")
  // Only the Llama class looks at these settings.
  expect(ends("llama2", { add_bos_token: false, add_eos_token: true })).toBe("<s> …")
  const tokenizer_class = "LlamaTokenizer"
  expect(ends("llama2", { tokenizer_class, add_bos_token: false })).toBe("…")
  expect(ends("llama2", { tokenizer_class, add_eos_token: true })).toBe("<s> … </s>")
  expect(ends("smollm2", { tokenizer_class })).toBe("<|im_start|> …")
})

it("says how to convert a tokenizer in another form", () => {
  for (const [files, kind] of [
    [["tokenizer.model"], "SentencePiece"],
    [["vocab.json", "merges.txt"], "vocab.json and merges.txt"],
    [["tekken.json"], "tekken"],
  ] as const) {
    const folder = mkdtempSync(join(tmpdir(), "dvl's tokenizer-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    for (const file of files) writeFileSync(join(folder, file), "")
    let message = ""
    try {
      Tokenizer.load(folder)
    } catch (error) {
      message = (error as UserError).format()
    }
    expect(message).toContain(kind)
    expect(message).toContain("no tokenizer.json")
    expect(message).toMatch(
      /python -c "from transformers import AutoTokenizer; .*save_pretrained\('.*dvl.*'s tokenizer-/,
    )
  }
})

it("takes what tokenizer_config.json names as special for markup", () => {
  const { definition } = read("llama2")
  const bare = { ...definition, added_tokens: [] }
  const named = new Tokenizer(bare, { eos_token: { content: "</s>" }, bos_token: "<s>", pad_token: "<nothing>" })
  expect(named.encode("a</s>", { special: true }).at(-1)).toBe(2)
  expect(named.encode("a</s>")).not.toContain(2)
  expect(named.id("<nothing>")).toBeUndefined()
})
