import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { trainTokenizer } from "../../../examples/emoji/bpe.js"
import { TextStream } from "./text-stream.js"
import { Tokenizer } from "./tokenizer.js"

const families = join(import.meta.dirname, "..", "..", "..", "test", "fixtures", "text", "families")
const { definition, config } = trainTokenizer([], 256)
const tokenizer = new Tokenizer(definition, config)

it("gives out whole characters only", () => {
  const stream = new TextStream(tokenizer)
  const pieces = tokenizer.encode("aé🐕b").map((id) => stream.push(id))
  expect(pieces).toEqual(["a", "", "é", "", "", "", "🐕", "b"])
  expect(stream.written).toBe(8)
  expect(stream.finish()).toBe("")
})

it("lets go of bytes that never become a character", () => {
  const stream = new TextStream(tokenizer)
  const lead = tokenizer.encode("🐕")[0]
  const pieces = Array.from({ length: 8 }, () => stream.push(lead))
  expect(pieces.slice(0, 7)).toEqual(["", "", "", "", "", "", ""])
  expect(pieces[7]).toMatch(/^\ufffd+$/)
  stream.push(lead)
  expect(stream.written).toBe(8)
  expect(stream.finish()).toMatch(/^\ufffd+$/)
  expect(stream.written).toBe(9)
})

it("lets go of what is broken also where nothing with a text follows", () => {
  const stream = new TextStream(tokenizer)
  const ids = [tokenizer.encode("🐕")[0], ...Array(100).fill(tokenizer.require("<|im_end|>"))]
  const pieces = ids.map((id) => stream.push(id))
  expect(pieces.slice(0, 8).join("")).toBe("\ufffd")
  expect([...pieces, stream.finish()].join("")).toBe(tokenizer.decode(ids))
})

it("gives out characters whose tokens begin the next one, too", () => {
  const definition = JSON.parse(readFileSync(join(families, "llama3.json"), "utf8")).definition
  const straddling = new Tokenizer(definition, {})
  for (const text of ["\u{105065}日本語", "\u{105065}日本日本日本日本日本日本語 a"]) {
    const ids = straddling.encode(text)
    for (let length = 1; length <= ids.length; length++) {
      const stream = new TextStream(straddling)
      const given = ids.slice(0, length).map((id) => stream.push(id))
      expect([...given, stream.finish()].join(""), text).toBe(straddling.decode(ids.slice(0, length)))
      expect(stream.written).toBe(length)
    }
  }
})

it("gives no text for special tokens", () => {
  const stream = new TextStream(tokenizer)
  expect(stream.push(tokenizer.require("<|im_end|>"))).toBe("")
  expect(stream.written).toBe(1)
})
