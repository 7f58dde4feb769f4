/** Mutations of Parquet files: of what describes the data, of the pages' headers, of runs; the rest are bytes. */

import type { Random } from "../../../src/data/prng.js"
import { type Mutated, mutateBytes } from "./bytes.js"
import { below, pick } from "./values.js"

const NUMBERS = [0, 1, 2, 3, 7, 63, 64, 127, 128, 1 << 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 40, 2 ** 63]

export function mutateParquet(random: Random, source: Uint8Array): Mutated {
  const bytes = Buffer.from(source)
  const length = bytes.readUInt32LE(bytes.length - 8)
  const footer = bytes.length - 8 - length
  switch (below(random, 6)) {
    case 0: {
      // A number in the description, whatever it is the number of.
      const at = footer + below(random, length)
      const number = varint(pick(random, NUMBERS))
      const changed = Buffer.concat([bytes.subarray(footer, at), number, bytes.subarray(at + 1, bytes.length - 8)])
      return {
        bytes: withFooter(bytes.subarray(0, footer), changed),
        what: `byte ${at} of the description is a number`,
      }
    }
    case 1: {
      const mutated = mutateBytes(random, bytes.subarray(footer, bytes.length - 8))
      return { bytes: withFooter(bytes.subarray(0, footer), mutated.bytes), what: `description: ${mutated.what}` }
    }
    case 2: {
      const said = pick(random, [...NUMBERS.filter((n) => n < 2 ** 32), length - 1, length + 1, bytes.length])
      bytes.writeUInt32LE(said, bytes.length - 8)
      return { bytes, what: `the description has ${said} bytes` }
    }
    case 3: {
      // Headers and runs are numbers of seven bits.
      const at = 4 + below(random, footer - 4)
      const number = varint(pick(random, NUMBERS))
      number.copy(bytes, at, 0, Math.min(number.length, footer - at))
      return { bytes, what: `number at ${at}` }
    }
    default: {
      const mutated = mutateBytes(random, bytes.subarray(4, footer))
      const data = Buffer.from(mutated.bytes).subarray(0, footer - 4)
      return { bytes: Buffer.concat([bytes.subarray(0, 4), data, bytes.subarray(4 + data.length)]), what: mutated.what }
    }
  }
}

function withFooter(data: Uint8Array, footer: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  return Buffer.concat([data, footer, length, Buffer.from("PAR1")])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return Buffer.from([...bytes, value])
}
