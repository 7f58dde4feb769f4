/**
 * Looks at a page's runs and lengths before hyparquet unpacks them: a run of two thousand million values takes six bytes, and one
 * of a negative size never ends.
 */

import { deltaBinaryUnpack } from "hyparquet/src/delta.js"
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js"
import { damaged } from "../unreadable.js"

const RUNS = "its runs do not fit"
/** Values that a last run of packed bits may have too many; some writers fill up more than their eight. */
const FILLED_UP = 512

/**
 * Runs of equal values and of packed bits.
 * @param width bits of a value
 * @param count values that there must be
 * @throws Unreadable when they are more or fewer, or go beyond `end`
 */
export function readRuns(page: Uint8Array, start: number, end: number, width: number, count: number): number[] {
  let seen = 0
  for (let at = start; seen < count; ) {
    const run = numberAt(page, at, end)
    at = run.at
    const half = Math.floor(run.value / 2)
    if (run.value % 2 === 1) {
      if (8 * half >= count - seen + FILLED_UP) throw damaged(RUNS)
      seen += 8 * half
      at += half * width
    } else {
      if (half > count - seen) throw damaged(RUNS)
      seen += half
      at += (width + 7) >> 3
    }
    if (at > end) throw damaged(RUNS)
  }
  const values = new Array<number>(count)
  readRleBitPackedHybrid({ view: viewOf(page), offset: start }, width, values, end - start)
  return values
}

const LARGEST_BLOCK = 1 << 16

/**
 * Numbers as differences.
 * @returns the numbers, and the offset behind them
 * @throws Unreadable for blocks of a size that none has
 */
export function readDeltas(page: Uint8Array, start: number, count: number): { values: Int32Array; at: number } {
  requireBlocks(page, start)
  const values = new Int32Array(count)
  const reader = { view: viewOf(page), offset: start }
  deltaBinaryUnpack(reader, count, values)
  return { values, at: reader.offset }
}

export function requireBlocks(page: Uint8Array, start: number): void {
  const block = numberAt(page, start, page.length)
  const parts = numberAt(page, block.at, page.length)
  const each = block.value / parts.value
  if (!(block.value > 0 && block.value <= LARGEST_BLOCK && Number.isInteger(each) && each % 8 === 0))
    throw damaged("its differences stand in blocks of no size")
}

/**
 * Texts that begin like those before them.
 * @param most bytes of all of them
 * @throws Unreadable when they begin with more than there is, or are more
 */
export function requirePrefixes(page: Uint8Array, start: number, count: number, most: number): void {
  if (count === 0) return
  const prefixes = readDeltas(page, start, count)
  const suffixes = readDeltas(page, prefixes.at, count)
  let [before, all] = [0, 0]
  for (let i = 0; i < count; i++) {
    const [prefix, suffix] = [prefixes.values[i], suffixes.values[i]]
    if (!(prefix >= 0 && prefix <= before && suffix >= 0)) throw damaged("its texts have lengths that do not fit")
    before = prefix + suffix
    all += before
    if (all > most) throw damaged(`a page unpacks to more than ${most >> 20} MiB`)
  }
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Of up to 32 bits. */
function numberAt(page: Uint8Array, start: number, end: number): { value: number; at: number } {
  let value = 0
  for (let i = 0; i < 5; i++) {
    if (start + i >= end) break
    const byte = page[start + i]
    value += (byte & 127) * 2 ** (7 * i)
    if (byte < 128) return { value, at: start + i + 1 }
  }
  throw damaged(RUNS)
}
