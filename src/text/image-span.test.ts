/** What pictures stand for as ids, and where their features stand. */

import { describe, expect, it } from "vitest"
import { runsOf, spanLength, spanOf } from "./image-span.js"
import { IMAGE } from "./message.js"
import type { Tokenizer } from "./tokenizer/tokenizer.js"

const tokenizer = {
  encode: (text: string) => [...text].map((character) => character.charCodeAt(0)),
} as unknown as Tokenizer

describe("what a picture stands for", () => {
  it("is a number of features", () => {
    const span = spanOf([5], tokenizer)
    expect(span).toBe(5)
    expect(spanLength(span)).toBe(5)
    expect(runsOf(span, 5)).toEqual([{ from: 0, start: 0, count: 5 }])
    expect(runsOf(span, 3)).toEqual([{ from: 0, start: 0, count: 3 }])
    expect(runsOf(span, 0)).toEqual([])
  })

  it("or features with text between them", () => {
    const span = spanOf(["A", 2, "BC", 1], tokenizer)
    expect(span).toEqual(Int32Array.of(65, IMAGE, IMAGE, 66, 67, IMAGE))
    expect(spanLength(span)).toBe(6)
    expect(runsOf(span, 6)).toEqual([
      { from: 0, start: 1, count: 2 },
      { from: 2, start: 5, count: 1 },
    ])
    expect(runsOf(span, 2)).toEqual([{ from: 0, start: 1, count: 1 }])
  })
})
