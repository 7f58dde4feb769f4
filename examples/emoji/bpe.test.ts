import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Template } from "@huggingface/jinja"
import fc from "fast-check"
import { Tokenizer as RustTokenizer } from "tokenizers"
import { describe, expect, test } from "vitest"
import { encodePrompt, IMAGE } from "../../src/text/conversation.js"
import { Tokenizer } from "../../src/text/tokenizer/tokenizer.js"
import { trainTokenizer, writeTokenizer } from "./bpe.js"
import { QWEN_CHAT_TEMPLATE } from "./chat-template.js"

const TEXTS = [
  "What is this?",
  "red apple",
  "green apple",
  "Shown here: red apple. It goes with health and piñata.",
  "red apple/dog/green apple/rescue worker's helmet?",
  "dog",
  "hot dog",
  "hot dog?",
  "line\nline\nline\n\nline",
  "1st 2nd 3rd",
]
const trained = trainTokenizer(TEXTS, 400)
const tokenizer = new Tokenizer(trained.definition, trained.config)
const rust = RustTokenizer.fromString(JSON.stringify(trained.definition))
const pieces = (text: string) => tokenizer.encode(text).map((id) => tokenizer.decode([id]))

describe("a trained tokenizer", () => {
  test("round-trips composed text and agrees with the Rust library", async () => {
    const strings = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 40 }),
      fc.string({ unit: "binary", maxLength: 20 }),
      fc
        .array(fc.constantFrom(...TEXTS, " ", "\n", "\r\n", "'S", "’", "🍎", "/", "ﬁ", "\u0301"), { maxLength: 6 })
        .map((s) => s.join("")),
    )
    await fc.assert(
      fc.asyncProperty(strings, async (text) => {
        const ids = tokenizer.encode(text)
        expect(tokenizer.decode(ids)).toBe(text.normalize("NFC"))
        const encoded = await rust.encode(text, null, { addSpecialTokens: false })
        expect(ids).toEqual(encoded.getIds())
        if (ids.length > 0) expect(await rust.decode(ids, true)).toBe(tokenizer.decode(ids))
      }),
      { numRuns: 300 },
    )
  })

  test("words of the corpus are one token, the same at the start, after a mark and after a line break", () => {
    expect(pieces("red apple")).toEqual(["red", " apple"])
    expect(pieces("red apple/dog/hot dog?")).toEqual(["red", " apple", "/", "dog", "/", "hot", " dog", "?"])
    expect(pieces("assistant\ndog")).toEqual(["assistant", "\n", "dog"])
  })

  test("a line break is always id 198, as in Qwen's vocabulary, and no token holds one beside something else", () => {
    expect(trained.ids.newline).toBe(198)
    expect(tokenizer.encode("user\nWhat\n\nis?\n")).toEqual([
      ...tokenizer.encode("user"),
      198,
      ...tokenizer.encode("What"),
      198,
      198,
      ...tokenizer.encode("is?"),
      198,
    ])
    const { vocab } = trained.definition.model as { vocab: Record<string, number> }
    expect(Object.keys(vocab).filter((token) => token.includes("Ċ"))).toEqual(["Ċ"])
  })

  test("the vocabulary is the 256 bytes, merges up to the size, then special tokens and a spare row for the mask", () => {
    const { vocab, merges } = trained.definition.model as { vocab: Record<string, number>; merges: string[] }
    expect(vocab["!"]).toBe(0)
    expect(Object.keys(vocab).length).toBe(256 + merges.length)
    expect(256 + merges.length).toBeLessThanOrEqual(400)
    expect(new Set(Object.values(vocab)).size).toBe(Object.keys(vocab).length)
    expect(tokenizer.id("<|endoftext|>")).toBe(256 + merges.length)
    expect(tokenizer.id("<|video_pad|>")).toBe(trained.ids["<|video_pad|>"])
    expect(trained.ids.mask).toBe(tokenizer.size)
    expect(tokenizer.decode([trained.ids.mask])).toBe("")
    expect(trained.rows).toBeGreaterThan(trained.ids.mask)
    expect(trained.rows % 8).toBe(0)
  })

  test("learning is repeatable, and stops where nothing repeats", () => {
    expect(trainTokenizer(TEXTS, 400)).toEqual(trained)
    const few = trainTokenizer(["once"], 100_000)
    expect(few.rows).toBeLessThan(400)
    expect(new Tokenizer(few.definition, few.config).encode("helpful once").length).toBeGreaterThan(2)
  })
})

test("the chat template and this program's own prompts give the same ids", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bpe-"))
  try {
    await writeTokenizer(folder, trained)
    const loaded = Tokenizer.load(folder)
    const image = { type: "image" } as const
    const messages = [
      { role: "user" as const, content: [image, { type: "text" as const, text: "What is this?" }] },
      { role: "assistant" as const, content: "red apple" },
      { role: "user" as const, content: "dog/hot dog?" },
    ]
    const text = new Template(QWEN_CHAT_TEMPLATE).render({ messages, add_generation_prompt: true })
    const pad = trained.ids["<|image_pad|>"]
    const prompt = Array.from(encodePrompt(messages, loaded, "qwen2_5_vl"), (id) => (id === IMAGE ? pad : id))
    expect(prompt).toEqual(loaded.encode(text, { special: true }))
  } finally {
    await rm(folder, { recursive: true })
  }
})
