/** What formats of a model are refused, and how much memory those that are kept take. */

import { afterEach, expect, it, vi } from "vitest"
import { bytesHeld, memoryInUse } from "../../test/support/memory-in-use.js"
import { type AnswerFormat, compileFormat } from "../grammar/format.js"
import { TokenAutomaton, Vocabulary } from "../grammar/token-automaton.js"
import type { Constraint } from "./constraint.js"
import { constraintOf } from "./constraint-of.js"
import { DecodingReport } from "./decoding-report.js"
import type { OpenedModel } from "./paradigm.js"

const TEXTS = [..."abcdefghijklmnopqrstuvwxyz", "ab", "cd", "aa", "zzzz", " ".repeat(64)]
const pieces = TEXTS.map((text) => Buffer.from(text))
const model = {
  folder: "model",
  config: { text: { vocabSize: TEXTS.length + 1 }, tokens: {} },
  eos: [TEXTS.length],
  tokenizer: {
    tokenBytes: () => {
      const all: (Uint8Array | undefined)[] = [...pieces]
      return { inside: all, first: all }
    },
  },
} as unknown as OpenedModel

const constraint = (format: AnswerFormat, genLength: number): Constraint =>
  constraintOf(model, format, genLength, { report: new DecodingReport() })!
const regex = (pattern: string): AnswerFormat => ({ type: "regex", pattern })

afterEach(() => vi.restoreAllMocks())

it("what no answer of the length can have is refused before it is gone through, and not kept", () => {
  expect(() => constraint(regex("a"), 1)).not.toThrow()
  const goThrough = vi.spyOn(TokenAutomaton.prototype, "completion")
  const refused = (): void => {
    for (let length = 400_000; length > 399_990; length--)
      expect(() => constraint(regex(`[a-z]{${length}}`), 64)).toThrow(`at least ${Math.ceil(length / 4)} tokens`)
  }
  refused()
  expect(goThrough).not.toHaveBeenCalled()
  // Near enough to be counted.
  expect(() => constraint(regex("a{1000}"), 499)).toThrow("takes 500 tokens")
  expect(goThrough).toHaveBeenCalled()
  goThrough.mockRestore()
  const before = memoryInUse()
  refused()
  for (let i = 0; i < 10; i++) expect(() => constraint(regex(`a{${1000 + i}}`), 499)).toThrow("tokens")
  // One of the latter takes about 0.6 MB.
  expect(memoryInUse() - before).toBeLessThan(4e6)
  expect(() => constraint(regex("a{1000}"), 500)).not.toThrow()
  expect(() => constraint(regex("ä"), 9)).toThrow("no tokens for what the format asks for")
})

it.each<[string, string, number]>([
  ["a long text", "[a-z]{20000}", 0],
  ["many successors", "[a-z]{2000,9000}", 4000],
  ["many alternatives", "([a-z]|ab|cd|aa|zzzz){300,}", 60],
])("the size of %s is the memory that it takes", (_, pattern, steps) => {
  const vocabulary = new Vocabulary({ inside: pieces, first: pieces })
  let size = 0
  const taken = bytesHeld(() => {
    const tokens = new TokenAutomaton(compileFormat(regex(pattern)), vocabulary)
    tokens.completion(tokens.start)
    let state = tokens.start
    for (let i = 0; i < steps; i++) state = tokens.successors(state).edges[0].target
    size = tokens.size
    return tokens
  })
  expect(size / taken).toBeGreaterThan(0.7)
  expect(size / taken).toBeLessThan(1.6)
})

// Last: what is kept makes collections slow.
it("formats are kept while all of them fit", () => {
  const kept = constraint(regex("[a-m]{10}"), 10).tokens
  expect(constraint(regex("[a-m]{10}"), 12).tokens).toBe(kept)
  const before = memoryInUse()
  for (let i = 0; i < 14; i++) constraint(regex(`[a-y]{${20_000 + i}}`), 40_000)
  expect(memoryInUse() - before).toBeLessThan(180e6)
  expect(constraint(regex("[a-y]{20013}"), 40_000).tokens).toBe(constraint(regex("[a-y]{20013}"), 40_000).tokens)
})
