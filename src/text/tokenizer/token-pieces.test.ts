import { describe, expect, it } from "vitest"
import { trainTokenizer } from "../../../examples/emoji/bpe.js"
import type { Json } from "../../checkpoint/json.js"
import { piecesOf } from "./token-pieces.js"
import { Tokenizer } from "./tokenizer.js"

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes!).toString()

describe("what tokens stand for", () => {
  it("byte-level: the bytes, parts of characters too, the same everywhere", () => {
    const { definition } = trainTokenizer(["größe 🐕 of things, of things"], 300)
    const tokenizer = new Tokenizer(definition as unknown as Json, {})
    const { inside, first } = tokenizer.tokenBytes()
    expect(first).toBe(inside)
    expect(new Set(inside.filter((piece) => piece?.length === 1).map((piece) => piece![0])).size).toBe(256)
    for (const sample of ["größe 🐕", " of things\n"]) {
      const ids = tokenizer.encode(sample)
      expect(Buffer.concat(ids.map((id) => inside[id]!)).toString()).toBe(sample)
    }
    const mark = tokenizer.id("<|im_end|>")!
    expect(tokenizer.token(mark)).toBe("<|im_end|>")
    expect(inside[mark]).toBeUndefined()
  })

  it("SentencePiece: a blank is lost by the first token, whatever it is written with", () => {
    const decoder = {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    }
    const { inside, first } = piecesOf(decoder)!
    expect([text(inside("▁▁a")), text(first("▁▁a"))]).toEqual(["  a", " a"])
    expect([text(inside("<0x20>")), text(first("<0x20>"))]).toEqual([" ", ""])
    expect([...inside("<0xC3>")]).toEqual([0xc3])
    expect([...first("<0xC3>")]).toEqual([0xc3])
    expect(text(inside("é"))).toBe("é")
  })

  it("Metaspace: the same", () => {
    const { inside, first } = piecesOf({ type: "Metaspace", replacement: "▁", prepend_scheme: "always" })!
    expect([text(inside("▁a")), text(first("▁a"))]).toEqual([" a", "a"])
    const never = piecesOf({ type: "Metaspace", replacement: "▁", prepend_scheme: "never" })!
    expect(text(never.first("▁a"))).toBe(" a")
  })

  it.each([
    [null],
    [{ type: "WordPiece", prefix: "##", cleanup: true }],
    [{ type: "Sequence", decoders: [{ type: "Fuse" }, { type: "Strip", content: " ", start: 0, stop: 1 }] }],
    [{ type: "Sequence", decoders: [{ type: "Fuse" }, { type: "Strip", content: " ", start: 2, stop: 0 }] }],
  ])("%j: what a token stands for hangs on others", (decoder) => {
    expect(piecesOf(decoder)).toBeUndefined()
    const tokenizer = new Tokenizer({ model: { type: "BPE", vocab: { a: 0 }, merges: [] }, decoder } as Json, {})
    expect(() => tokenizer.tokenBytes()).toThrow("no fixed pieces of text")
  })
})
