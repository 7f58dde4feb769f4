import { describe, expect, it } from "vitest"
import {
  type AttentionPattern,
  bidirectional,
  blockCausal,
  causal,
  noisedOverClean,
  selectRows,
  toDense,
  windows,
} from "./attention-pattern.js"

/** One string of 0 and 1 per row. */
function draw(pattern: AttentionPattern): string[] {
  const dense = toDense(pattern)
  return Array.from({ length: pattern.rows }, (_, r) =>
    dense.subarray(r * pattern.keys, (r + 1) * pattern.keys).join(""),
  )
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
  it("lets a noised block see the clean rows before it and itself", () => {
    const pattern = noisedOverClean({ cleanRows: 4, noisedBlocks: [0, 2], blockSize: 2, length: 5 })
    expect(draw(pattern)).toEqual(["1100000", "1100000", "1111000", "1111000", "0000110", "0000110", "1111001"])
    expect(() => noisedOverClean({ cleanRows: 2, noisedBlocks: [2], blockSize: 2, length: 6 })).toThrow(RangeError)
  })
  it("selects rows", () => {
    const pattern = blockCausal(6, 2)
    expect(draw(selectRows(pattern, [0, 3, 5]))).toEqual(["110000", "111100", "111111"])
    expect(selectRows(pattern, [2, 3]).spans).toEqual([{ rows: [0, 2], keys: [[0, 4]] }])
    expect(() => selectRows(pattern, [6])).toThrow(RangeError)
    expect(() => selectRows(pattern, [3, 1])).toThrow(RangeError)
  })
})
