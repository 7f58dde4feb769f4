/** The archive that torch saves in: places of 32 and of 64 bits, and every way in which it can be damaged. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { failureOf } from "../../../test/support/failure.js"
import { bytesOf } from "../tensor-view.js"
import { readTorchFile } from "./torch-file.js"

const fixtures = path.resolve(import.meta.dirname, "../../../test/fixtures/pickle")

let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "archive-"))
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

const whole = fs.readFileSync(path.join(fixtures, "module.bin"))
const end = whole.lastIndexOf("PK\x05\x06", undefined, "latin1")
const directory = whole.readUInt32LE(end + 16)
// torch writes the 64-bit form of the end always.
const end64 = whole.lastIndexOf("PK\x06\x06", undefined, "latin1")
const changed = (change: (bytes: Buffer) => Buffer | undefined): string => {
  const file = path.join(folder, "changed.bin")
  const bytes = Buffer.from(whole)
  fs.writeFileSync(file, change(bytes) ?? bytes)
  return file
}

it("without the 64-bit form of the end", () => {
  const short = changed((bytes) => Buffer.concat([bytes.subarray(0, end64), bytes.subarray(end)]))
  expect(readTorchFile(short).size).toBe(7)
})

it("places of 64 bits, as in archives beyond 4 GB", () => {
  const file = changed((bytes) => {
    const large = Buffer.alloc(56)
    large.writeUInt32LE(0x06064b50, 0)
    large.writeBigUInt64LE(44n, 4)
    const count = BigInt(bytes.readUInt16LE(end + 10))
    for (const at of [24, 32]) large.writeBigUInt64LE(count, at)
    const first = whole.subarray(directory, end64)
    // The first entry's numbers move into its extra field.
    const [nameBytes, extraBytes] = [first.readUInt16LE(28), first.readUInt16LE(30)]
    const extra = Buffer.alloc(28)
    extra.writeUInt16LE(1, 0)
    extra.writeUInt16LE(24, 2)
    for (const [i, at] of [24, 20, 42].entries()) extra.writeBigUInt64LE(BigInt(first.readUInt32LE(at)), 4 + 8 * i)
    const head = Buffer.from(first.subarray(0, 46 + nameBytes))
    for (const at of [20, 24, 42]) head.writeUInt32LE(0xffffffff, at)
    head.writeUInt16LE(extraBytes + extra.length, 30)
    const entries = Buffer.concat([head, extra, first.subarray(46 + nameBytes)])
    large.writeBigUInt64LE(BigInt(entries.length), 40)
    large.writeBigUInt64LE(BigInt(directory), 48)
    const locator = Buffer.alloc(20)
    locator.writeUInt32LE(0x07064b50, 0)
    locator.writeBigUInt64LE(BigInt(directory + entries.length), 8)
    locator.writeUInt32LE(1, 16)
    const last = Buffer.from(bytes.subarray(end))
    last.writeUInt16LE(0xffff, 10)
    last.writeUInt32LE(0xffffffff, 12)
    last.writeUInt32LE(0xffffffff, 16)
    return Buffer.concat([bytes.subarray(0, directory), entries, large, locator, last])
  })
  const tensors = readTorchFile(file)
  const stored = [...tensors].map(([key, view]) => [key, Buffer.from(bytesOf(view)).toString("base64")])
  expect(Object.fromEntries(stored)).toEqual(JSON.parse(fs.readFileSync(path.join(fixtures, "module.json"), "utf8")))
})

it.each<[string, (bytes: Buffer) => Buffer | undefined, RegExp]>([
  ["without its end", (bytes) => bytes.subarray(0, end), /archive has no end: the file is incomplete/],
  [
    "with a directory beyond its end",
    (bytes) => void bytes.writeBigUInt64LE(2n ** 31n, end64 + 48),
    /directory .* lies beyond/,
  ],
  [
    "with more files than its directory holds",
    (bytes) => void bytes.writeBigUInt64LE(60_000n, end64 + 32),
    /cannot hold 60000 files/,
  ],
  [
    "with a compressed file",
    (bytes) => void bytes.writeUInt16LE(8, directory + 10),
    /is compressed, which torch.save never does/,
  ],
  [
    "with a file beyond its end",
    (bytes) => void bytes.writeUInt32LE(2 ** 30, directory + 42),
    /its archive is damaged/,
  ],
  ["with a damaged entry", (bytes) => void bytes.writeUInt32LE(0, directory), /directory of its archive is damaged/],
  [
    "with numbers of the other order",
    (bytes) => Buffer.from(bytes.toString("latin1").replace("little", "big   "), "latin1"),
    /not little-endian/,
  ],
])("%s", (_, change, reason) => {
  expect(failureOf(() => readTorchFile(changed(change)))).toMatch(reason)
})
