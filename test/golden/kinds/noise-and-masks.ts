/** Golden cases of what a training step draws and sees: noise levels, masked tokens, attention patterns. */

import { type AttentionPattern, blockCausal, noisedOverClean, toDense } from "../../../src/nn/attention-pattern.js"
import { lossScale, maskedPositions, noiseLevels } from "../../../src/paradigms/block-diffusion/noise.js"
import { expectEqual } from "../check.js"
import { isObject, type Json, listAt, recordsWith } from "../json.js"
import type { FixtureCase, Recogniser } from "../types.js"

interface NoiseRow {
  B: number
  L: number
  D: number
  num_blocks: number
  u: number[][]
  r: number[][]
  labelled: string[]
  t_per_block: number[][]
  loss_scale_per_block: number[][]
  masked: string[]
}

export const recogniseNoise: Recogniser = ({ value }) => {
  const rows = recordsWith(value, "u", "r", "t_per_block", "labelled") as unknown[] as NoiseRow[]
  if (rows.length === 0 || !isObject(value)) return []
  const range = { epsMin: value.eps_min as number, epsMax: value.eps_max as number }
  const cases = rows.map(
    (row): FixtureCase => ({
      id: `B ${row.B}, L ${row.L}, D ${row.D}`,
      run() {
        const levels = noiseLevels(row.u.flat(), range)
        expectEqual(levels, row.t_per_block.flat(), "levels")
        // The reference's scale is −1/t: its term is a log-probability.
        expectEqual(
          Array.from(levels, (t) => -lossScale(t)),
          row.loss_scale_per_block.flat(),
          "loss scales",
        )
        row.labelled.forEach((flags, b) => {
          const labels = Int32Array.from(flags, (flag) => (flag === "1" ? 0 : -100))
          const own = levels.subarray(b * row.num_blocks, (b + 1) * row.num_blocks)
          const masked = new Set(maskedPositions(labels, own, row.r[b], row.D))
          expectEqual(
            Array.from(flags, (_, i) => (masked.has(i) ? "1" : "0")).join(""),
            row.masked[b],
            `masked of sample ${b}`,
          )
        })
      },
    }),
  )
  return [{ kind: "noise", cases }]
}

export const recogniseMasks: Recogniser = ({ value }) => {
  const masks = (key: string): Mask[] => listAt(value, key).filter(isMask) as unknown[] as Mask[]
  const cases: FixtureCase[] = [
    ...masks("training").map(({ L, D, rows }) =>
      maskCase(`training, L ${L}, D ${D}`, () => doubled(L, D, L), rows as string[]),
    ),
    ...masks("training_with_padding").flatMap(({ L, D, lengths = [], rows }) =>
      lengths.map((length, b) =>
        maskCase(`training, L ${L}, D ${D}, ${length} rows`, () => doubled(length, D, L), rows[b] as string[]),
      ),
    ),
    ...masks("decoding").map(({ num_blocks = 0, D, rows }) =>
      maskCase(`decoding, ${num_blocks} blocks of ${D}`, () => drawn(blockCausal(num_blocks * D, D)), rows as string[]),
    ),
  ]
  return cases.length === 0 ? [] : [{ kind: "attention patterns", cases }]
}

interface Mask {
  L: number
  D: number
  rows: (string | string[])[]
  lengths?: number[]
  num_blocks?: number
}
const isMask = (record: Json): boolean => typeof record.D === "number" && Array.isArray(record.rows)

const maskCase = (id: string, ours: () => string[], expected: string[]): FixtureCase => ({
  id,
  run: () => expectEqual(ours(), expected, "rows"),
})

/** One string of 0 and 1 per row. */
function drawn(pattern: AttentionPattern): string[] {
  const dense = toDense(pattern)
  return Array.from({ length: pattern.queries }, (_, row) =>
    dense.subarray(row * pattern.keys, (row + 1) * pattern.keys).join(""),
  )
}

/** The reference's matrix of 2 · total rows, noised half first; ours has the clean rows first and no padding. */
function doubled(length: number, blockSize: number, total: number): string[] {
  const blocks = Array.from({ length: Math.ceil(length / blockSize) }, (_, b) => b)
  const ours = drawn(noisedOverClean({ cleanTokens: length, noisedBlocks: blocks, blockSize, length }))
  const padding = "0".repeat(total - length)
  const reordered = (row: string): string => row.slice(length) + padding + row.slice(0, length) + padding
  const empty = Array.from({ length: total - length }, () => "0".repeat(2 * total))
  return [...ours.slice(length).map(reordered), ...empty, ...ours.slice(0, length).map(reordered), ...empty]
}
