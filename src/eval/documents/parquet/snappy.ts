/** Snappy's raw format: copies of bytes, of which pictures are nearly all, go at the speed of memory, and none goes beyond its end. */

import { damaged } from "./unreadable.js"

const NO_SNAPPY = "a page is no snappy"

/**
 * @param size bytes that it must unpack to
 * @throws Unreadable when it does not
 */
export function unpackSnappy(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size)
  let at = 0
  let done = 0
  const number = (bytes: number): number => {
    let value = 0
    for (let i = 0; i < bytes; i++) value += input[at + i] * 2 ** (8 * i)
    at += bytes
    // Bytes behind the end make it no number.
    return value
  }
  // How long it is has been said already.
  while (input[at++] >= 128) if (at > 5) throw damaged(NO_SNAPPY)
  while (at < input.length) {
    const tag = input[at++]
    if ((tag & 3) === 0) {
      const code = tag >> 2
      const length = (code < 60 ? code : number(code - 59)) + 1
      if (!(at + length <= input.length && done + length <= size)) throw damaged(NO_SNAPPY)
      output.set(input.subarray(at, at + length), done)
      at += length
      done += length
      continue
    }
    const short = (tag & 3) === 1
    const length = short ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const back = short ? (tag >> 5) * 256 + number(1) : number((tag & 3) === 2 ? 2 : 4)
    if (!(back > 0 && back <= done && done + length <= size)) throw damaged(NO_SNAPPY)
    if (back >= length) output.copyWithin(done, done - back, done - back + length)
    // What is copied is being written.
    else for (let i = done; i < done + length; i++) output[i] = output[i - back]
    done += length
  }
  if (done !== size) throw damaged(NO_SNAPPY)
  return output
}
