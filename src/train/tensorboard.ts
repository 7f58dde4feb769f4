/** TensorBoard event files: TFRecord framing around hand-encoded Event protobufs. Scalars only. */

import { appendFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { explaining } from "../checkpoint/files.js"
import { makeFolder } from "../make-folder.js"

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
  return c >>> 0
})

/** CRC-32C (Castagnoli), as TFRecord wants it. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

function maskedCrc(data: Uint8Array): Buffer {
  const crc = crc32c(data)
  const out = Buffer.alloc(4)
  out.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0)
  return out
}

function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(data.length))
  return Buffer.concat([length, maskedCrc(length), data, maskedCrc(data)])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = BigInt(value)
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

/** Protobuf fields: wall_time = 1 (double), step = 2 (varint), file_version = 3 and summary = 5 (bytes). */
function double(field: number, value: number): Buffer {
  const out = Buffer.alloc(9)
  out[0] = (field << 3) | 1
  out.writeDoubleLE(value, 1)
  return out
}
function float(field: number, value: number): Buffer {
  const out = Buffer.alloc(5)
  out[0] = (field << 3) | 5
  out.writeFloatLE(value, 1)
  return out
}
function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2]), varint(value.length), value])
}

/** One event with the given scalars, framed. */
function scalarEvent(wallTime: number, step: number, scalars: Record<string, number>): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytes(1, Buffer.concat([bytes(1, Buffer.from(tag)), float(2, value)])),
  )
  return record(
    Buffer.concat([double(1, wallTime), Buffer.from([2 << 3]), varint(step), bytes(5, Buffer.concat(values))]),
  )
}

function versionEvent(wallTime: number): Buffer {
  return record(Buffer.concat([double(1, wallTime), bytes(3, Buffer.from("brain.Event:2"))]))
}

/** Appends scalars to a new event file in `folder`; TensorBoard reads all files of a folder as one run. */
export class TensorBoardWriter {
  readonly #path: string

  constructor(folder: string, now: () => number = () => Date.now() / 1000) {
    explaining(folder, () => makeFolder(folder))
    const seconds = Math.floor(now())
    this.#path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`)
    this.#append(versionEvent(now()))
  }

  write(step: number, scalars: Record<string, number>): void {
    this.#append(scalarEvent(Date.now() / 1000, step, scalars))
  }

  #append(event: Buffer): void {
    explaining(this.#path, () => appendFileSync(this.#path, event))
  }
}
