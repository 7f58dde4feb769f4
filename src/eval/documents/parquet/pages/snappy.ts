/** Snappy's raw format: copies of bytes, of which pictures are nearly all, go at the speed of memory, and none goes beyond its end. */

import { damaged } from "../unreadable.js"

const NO_SNAPPY = "a page is no snappy"

/**
 * @param size bytes that it must unpack to
 * @throws Unreadable when it does not
 */
export function unpackSnappy(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size)
  let at = 0
  let done = 0
  // How long it is has been said already.
  while (input[at++] >= 128) if (at > 5) throw damaged(NO_SNAPPY)
  while (at < input.length) {
    const tag = input[at++]
    if ((tag & 3) === 0) {
      let length = (tag >> 2) + 1
      if (length > 60) {
        const bytes = length - 60
        length = numberAt(input, at, bytes) + 1
        at += bytes
      }
      if (!(at + length <= input.length && done + length <= size)) throw damaged(NO_SNAPPY)
      if (length > SHORT) output.set(input.subarray(at, at + length), done)
      else for (let i = 0; i < length; i++) output[done + i] = input[at + i]
      at += length
      done += length
      continue
    }
    const bytes = BACK_BYTES[tag & 3]
    const length = bytes === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const back = numberAt(input, at, bytes) + (bytes === 1 ? (tag >> 5) * 256 : 0)
    at += bytes
    if (!(back > 0 && back <= done && done + length <= size)) throw damaged(NO_SNAPPY)
    // What is copied may be being written.
    for (let i = 0, from = done - back; i < length; i++) output[done + i] = output[from + i]
    done += length
  }
  if (done !== size) throw damaged(NO_SNAPPY)
  return output
}

/** Bytes of a copy's distance, by its kind. */
const BACK_BYTES = [0, 1, 2, 4]
/** Bytes that are quicker copied one by one. */
const SHORT = 48

/** The lowest byte first; no number where the input ends. */
function numberAt(input: Uint8Array, at: number, bytes: number): number {
  if (at + bytes > input.length) return Number.NaN
  let value = input[at]
  if (bytes > 1) value += input[at + 1] << 8
  if (bytes > 2) value += input[at + 2] << 16
  if (bytes > 3) value += input[at + 3] * 2 ** 24
  return value
}
