/** Prompts with what their pictures stand for: SmolVLM's text, and ids with one IMAGE for each run of features. */

import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { expectedTiles } from "../../test/support/tiles.js"
import { UserError } from "../errors.js"
import { placeholders } from "../image/pieces.js"
import { splitLayout, splitPieces } from "../image/split.js"
import { expandIds, expandText } from "./image-expansion.js"
import { IGNORE, IMAGE } from "./message.js"

const settings = { size: { longestEdge: 224 }, side: 56, splits: true, tokensPerTile: 3 }

describe("SmolVLM's text", () => {
  const cases = expectedTiles.cases.filter(({ prompt }) => prompt)
  it.each(cases)("of $size is transformers'", ({ size: [width, height], rows_columns, prompt }) => {
    const layout = splitLayout({ width, height }, settings)
    expect([layout.rows, layout.columns]).toEqual(rows_columns)
    const text = expandText("<image>", [splitPieces(layout, settings)], "<image>")
    expect(createHash("sha256").update(text).digest("hex")).toBe(prompt)
  })

  it("of one tile, and of one column", () => {
    const one = splitPieces({ rows: 0, columns: 0, steps: [] }, settings)
    expect(one).toEqual(["<fake_token_around_image><global-img>", 3, "<fake_token_around_image>"])
    const marks = { around: "<f>", global: "<g>" }
    const two = splitPieces({ rows: 2, columns: 1, steps: [] }, { ...settings, marks })
    expect(two).toEqual(["<f><row_1_col_1>", 3, "\n<f><row_2_col_1>", 3, "\n\n<f><g>", 3, "<f>"])
    expect(placeholders(two)).toBe(9)
  })
})

describe("text", () => {
  it("has each picture where it stood", () => {
    expect(expandText("a<i>b<i>", [[2], ["x", 1]], "<i>")).toBe("a<i><i>bx<i>")
    expect(expandText("a", [], "<i>")).toBe("a")
  })

  it("and pictures must be as many", () => {
    expect(() => expandText("a<i>", [], "<i>")).toThrow(UserError)
    expect(() => expandText("a<i>", [[1], [1]], "<i>")).toThrow(
      "the text has 1 image placeholder, but there are 2 images",
    )
  })
})

describe("ids", () => {
  const tokenizer = { encode: (text: string) => [...text].map((character) => character.charCodeAt(0)) }
  const encoded = { ids: Int32Array.of(1, IMAGE, 2, IMAGE, 3), labels: Int32Array.of(IGNORE, IGNORE, 2, IGNORE, 3) }

  it("have the tokens of the text, not learned, and an IMAGE for each run", () => {
    expect(expandIds({ ...encoded, answerStart: 4 }, [["A", 5, "BC", 6], [7]], tokenizer)).toEqual({
      ids: Int32Array.of(1, 65, IMAGE, 66, 67, IMAGE, 2, IMAGE, 3),
      labels: Int32Array.of(IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, 2, IGNORE, 3),
      runs: [5, 6, 7],
      answerStart: 8,
    })
  })

  it("an answer that begins behind the last is behind it still", () => {
    const ids = Int32Array.of(IMAGE)
    expect(expandIds({ ids, labels: Int32Array.of(IGNORE), answerStart: 1 }, [["A", 5]], tokenizer).answerStart).toBe(2)
  })

  it("of one run each stay as they are", () => {
    expect(expandIds(encoded, [[5], [6]], tokenizer)).toEqual({ ...encoded, runs: [5, 6] })
  })

  it("and pictures must be as many", () => {
    expect(() => expandIds(encoded, [[5]], tokenizer)).toThrow(UserError)
  })
})
