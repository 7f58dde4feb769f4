import { describe, expect, it } from "vitest"
import {
  type AttentionPattern,
  bidirectional,
  blockCausal,
  causal,
  causalThenBlocks,
  fromDense,
  noisedOverClean,
  selectQueries,
  sideBySide,
  toDense,
  windows,
  withinWindow,
} from "./attention-pattern.js"

/** One string of 0 and 1 per row. */
function draw(pattern: AttentionPattern): string[] {
  const dense = toDense(pattern)
  return Array.from({ length: pattern.queries }, (_, r) =>
    dense.subarray(r * pattern.keys, (r + 1) * pattern.keys).join(""),
  )
}

const allBlocks = (length: number, blockSize: number): number[] =>
  Array.from({ length: Math.ceil(length / blockSize) }, (_, b) => b)

/** Every block noised over every clean row: the whole 2L forward of the paper. */
function wholeTraining(length: number, blockSize: number): AttentionPattern {
  const blocks = allBlocks(length, blockSize)
  return noisedOverClean({
    cleanTokens: length,
    noisedBlocks: blocks,
    blockSize,
    length,
  })
}

describe("attention patterns", () => {
  it("draws each kind", () => {
    expect(draw(causal(3))).toEqual(["100", "110", "111"])
    expect(draw(causal(2, 2))).toEqual(["1110", "1111"])
    expect(draw(bidirectional(2, 1))).toEqual(["111", "111"])
    expect(draw(windows([2, 0, 1]))).toEqual(["110", "110", "001"])
    expect(draw(blockCausal(5, 2))).toEqual(["11000", "11000", "11110", "11110", "11111"])
    expect(draw(blockCausal(3, 2, 3))).toEqual(["111100", "111111", "111111"])
  })
  it("draws what is stored causally before the blocks behind it", () => {
    expect(draw(causalThenBlocks(5, 2, 2))).toEqual(["10000", "11000", "11110", "11110", "11111"])
    expect(draw(causalThenBlocks(3, 1, 2, 1))).toEqual(["1100", "1111", "1111"])
    expect(causalThenBlocks(4, 0, 2)).toEqual(blockCausal(4, 2))
    expect(causalThenBlocks(4, 4, 2, 2)).toEqual(causal(4, 2))
  })
  it("lets a noised block see the clean rows before it and itself", () => {
    const pattern = noisedOverClean({ cleanTokens: 4, noisedBlocks: [0, 2], blockSize: 2, length: 5 })
    expect(draw(pattern)).toEqual(["1100000", "1100000", "1111000", "1111000", "0000110", "0000110", "1111001"])
    const causally = noisedOverClean({ cleanTokens: 3, noisedBlocks: [1], blockSize: 3, length: 5, cleanBlock: 1 })
    expect(draw(causally)).toEqual(["10000", "11000", "11100", "11111", "11111"])
    expect(() => noisedOverClean({ cleanTokens: 2, noisedBlocks: [2], blockSize: 2, length: 6 })).toThrow(RangeError)
  })
  it("selects rows", () => {
    const pattern = blockCausal(6, 2)
    expect(draw(selectQueries(pattern, [0, 3, 5]))).toEqual(["110000", "111100", "111111"])
    expect(selectQueries(pattern, [2, 3]).spans).toEqual([{ queries: [0, 2], keys: [[0, 4]] }])
    expect(() => selectQueries(pattern, [6])).toThrow(RangeError)
    expect(() => selectQueries(pattern, [3, 1])).toThrow(RangeError)
  })
})

describe("a dense mask", () => {
  it("becomes the pattern that draws it", () => {
    for (const pattern of [causal(5), blockCausal(7, 3), wholeTraining(7, 3), windows([2, 3])]) {
      const dense = toDense(pattern)
      const again = fromDense(pattern.queries, (q, k) => dense[q * pattern.keys + k] === 1)
      expect(draw(again)).toEqual(draw(pattern))
      for (const { keys } of again.spans)
        for (let i = 1; i < keys.length; i++) expect(keys[i][0]).toBeGreaterThan(keys[i - 1][1])
    }
  })
})

describe("a sliding window", () => {
  it("leaves a query itself and the window - 1 keys before it", () => {
    expect(draw(withinWindow(causal(5), 3))).toEqual(["10000", "11000", "11100", "01110", "00111"])
  })

  it("is the same for the last queries over a cache as in one forward", () => {
    for (const blockSize of [1, 4])
      expect(draw(withinWindow(blockCausal(6, blockSize, 10), 5))).toEqual(
        draw(withinWindow(blockCausal(16, blockSize), 5)).slice(10),
      )
  })

  it("counts positions, also where blocks are noised over a clean prefix: as when the block stood there itself", () => {
    const [length, blockSize, window] = [12, 4, 6]
    const pattern = withinWindow(wholeTraining(length, blockSize), window)
    const alone = draw(withinWindow(blockCausal(length, blockSize), window))
    const rows = draw(pattern)
    expect(rows.slice(0, length).map((row) => row.slice(0, length))).toEqual(alone)
    for (let position = 0; position < length; position++) {
      const block = position - (position % blockSize)
      const [clean, noised] = [rows[length + position].slice(0, length), rows[length + position].slice(length)]
      const joined = clean.slice(0, block) + noised.slice(block, block + blockSize)
      expect(joined).toBe(alone[position].slice(0, block + blockSize))
    }
  })

  it("looks as far ahead as back in a bidirectional pattern, and holds for each of several sequences", () => {
    const both = ["1100", "1110", "0111", "0011"]
    expect(draw(withinWindow(bidirectional(4), 2))).toEqual(both)
    const packed = draw(withinWindow(sideBySide([bidirectional(4), causal(2)]), 2))
    expect(packed).toEqual([...both.map((row) => `${row}00`), "000010", "000011"])
  })

  it("longer than the sequence changes nothing", () => {
    const pattern = blockCausal(8, 4)
    expect(withinWindow(pattern, 8)).toBe(pattern)
    expect(withinWindow(pattern, 7)).not.toBe(pattern)
  })
})
