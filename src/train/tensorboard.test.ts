import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { crc32c, TensorBoardWriter } from "./tensorboard.js"

it("computes CRC-32C", () => {
  // The check value of the catalogue of parametrised CRC algorithms, and RFC 3720, B.4: 32 bytes of zeros and of ones.
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43)
})

/** Fields of a protobuf message: numbers for varints and floats, buffers for what has a length. */
function fields(message: Buffer): [field: number, value: number | Buffer][] {
  const found: [number, number | Buffer][] = []
  let at = 0
  const varint = (): number => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return Number(value)
    }
  }
  const take = (bytes: number): Buffer => {
    at += bytes
    return message.subarray(at - bytes, at)
  }
  while (at < message.length) {
    const tag = varint()
    const kind = tag & 7
    if (kind === 0) found.push([tag >> 3, varint()])
    else if (kind === 1) found.push([tag >> 3, take(8).readDoubleLE()])
    else if (kind === 5) found.push([tag >> 3, take(4).readFloatLE()])
    else found.push([tag >> 3, take(varint())])
  }
  return found
}

it("writes framed events with tags and values", () => {
  const folder = mkdtempSync(join(tmpdir(), "dvl-board-"))
  new TensorBoardWriter(folder).write(1_000_000, { "train/loss": 0.5, "train/é": -3 })
  const [name] = readdirSync(folder)
  expect(name).toMatch(/^events\.out\.tfevents\.\d+\./)
  const file = readFileSync(join(folder, name))
  rmSync(folder, { recursive: true })
  const messages: Buffer[] = []
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at))
    messages.push(file.subarray(at + 12, at + 12 + length))
    at += 12 + length + 4
  }
  const [version, event] = messages.map((message) => new Map(fields(message)))
  expect(String(version.get(3))).toBe("brain.Event:2")
  expect(event.get(2)).toBe(1_000_000)
  const scalars = fields(event.get(5) as Buffer).map(([, value]) => new Map(fields(value as Buffer)))
  expect(scalars.map((scalar) => [String(scalar.get(1)), scalar.get(2)])).toEqual([
    ["train/loss", 0.5],
    ["train/é", -3],
  ])
})
