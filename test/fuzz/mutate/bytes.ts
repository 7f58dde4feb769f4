/** Mutations of bytes, whatever they mean. */

import type { Random } from "../../../src/data/prng.js"
import { below, pick } from "./values.js"

export interface Mutated {
  bytes: Uint8Array
  /** What was done, for a person. */
  what: string
}

const WORDS = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]

/** Offsets near the start come up more often: headers are there. */
const offset = (random: Random, length: number): number =>
  below(random, random() < 0.5 ? Math.min(length, 64) : Math.max(length, 1))

/** One to three changes: bits, numbers, blocks, length. */
export function mutateBytes(random: Random, source: Uint8Array): Mutated {
  let bytes = Buffer.from(source)
  const done: string[] = []
  for (let times = random() < 0.6 ? 1 : 1 + below(random, 3); times > 0; times--) {
    const [changed, what] = once(random, bytes)
    bytes = Buffer.from(changed)
    done.push(what)
  }
  return { bytes, what: done.join("; ") }
}

function once(random: Random, bytes: Buffer): [Uint8Array, string] {
  const at = offset(random, bytes.length)
  const size = 1 << below(random, 9)
  const block = bytes.subarray(at, at + size)
  const rest = (from: number): Buffer => bytes.subarray(from)
  switch (below(random, 9)) {
    case 0:
      bytes[at] ^= 1 << below(random, 8)
      return [bytes, `bit of byte ${at}`]
    case 1:
      bytes[at] = pick(random, [0, 1, 0x7f, 0x80, 0xff, below(random, 256)])
      return [bytes, `byte ${at} is ${bytes[at]}`]
    case 2:
      return [bytes.subarray(0, below(random, bytes.length)), "cut off"]
    case 3: {
      const added =
        random() < 0.5 ? Buffer.alloc(size * 8) : Buffer.from(Array.from({ length: size }, () => below(random, 256)))
      return [Buffer.concat([bytes, added]), `${added.length} bytes more`]
    }
    case 4:
      return [Buffer.concat([bytes.subarray(0, at), rest(at + size)]), `without ${size} bytes at ${at}`]
    case 5:
      return [Buffer.concat([bytes.subarray(0, at), block, rest(at)]), `${size} bytes at ${at} twice`]
    case 6: {
      const to = below(random, bytes.length + 1)
      return [Buffer.concat([bytes.subarray(0, to), block, rest(to + size)]), `${size} bytes of ${at} at ${to}`]
    }
    default: {
      const word = pick(random, WORDS)
      const width = pick(random, [2, 4, 4, 8])
      if (at + width > bytes.length) return [bytes.subarray(0, at), `cut at ${at}`]
      const little = random() < 0.5
      for (let i = 0; i < width; i++) bytes[at + (little ? i : width - 1 - i)] = i < 4 ? (word >>> (8 * i)) & 255 : 0
      return [bytes, `${width * 8}-bit number at ${at} is ${word}`]
    }
  }
}
