import { expect, it } from "vitest"
import { trainTokenizer } from "../../examples/emoji/bpe.js"
import { TextStream } from "./text-stream.js"
import { Tokenizer } from "./tokenizer.js"

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

it("gives no text for special tokens", () => {
  const stream = new TextStream(tokenizer)
  expect(stream.push(tokenizer.require("<|im_end|>"))).toBe("")
  expect(stream.written).toBe(1)
})
