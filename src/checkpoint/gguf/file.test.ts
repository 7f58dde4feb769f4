/** Headers: what the gguf package writes, and every way one can be wrong. */
import { spawnSync } from "node:child_process"
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { floats, type GgufParts, ggufBytes, type Typed } from "../../../test/support/gguf.js"
import { UserError } from "../../errors.js"
import { readGguf } from "./file.js"

const fixture = path.resolve(import.meta.dirname, "../../../test/fixtures/gguf/blocks.gguf")
let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "gguf-"))
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

function write(bytes: Uint8Array): string {
  const file = path.join(folder, "model.gguf")
  fs.writeFileSync(file, bytes)
  return file
}
const read = (parts: Partial<GgufParts>) => readGguf(write(ggufBytes({ metadata: {}, tensors: [], ...parts })))

/** The sentence of a refusal. */
function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    expect((error as UserError).where).toContain(folder)
    return (error as UserError).message
  }
  throw new Error("it was accepted")
}

describe("the gguf package's file", () => {
  const { metadata, tensors, version } = readGguf(fixture)

  it.each([
    ["UINT8", 255, Uint8Array.of(255, 255)],
    ["INT8", -128, Int8Array.of(-128, -128)],
    ["UINT16", 65_535, Uint16Array.of(65_535, 65_535)],
    ["INT16", -32_768, Int16Array.of(-32_768, -32_768)],
    ["UINT32", 4_294_967_295, Uint32Array.of(4_294_967_295, 4_294_967_295)],
    ["INT32", -2_147_483_648, Int32Array.of(-2_147_483_648, -2_147_483_648)],
    ["FLOAT32", Math.fround(0.1), Float32Array.of(0.1, 0.1)],
    ["FLOAT64", 0.1, Float64Array.of(0.1, 0.1)],
    ["UINT64", 2n ** 64n - 1n, BigUint64Array.of(2n ** 64n - 1n, 2n ** 64n - 1n)],
    ["INT64", -(2n ** 63n), BigInt64Array.of(-(2n ** 63n), -(2n ** 63n))],
  ])("has the value of type %s, alone and in a list", (name, value, list) => {
    expect(metadata.get(`one.${name}`)).toBe(value)
    expect(metadata.get(`list.${name}`)).toEqual(list)
  })

  it("has texts, truth values, lists of lists and exact 64-bit numbers", () => {
    expect(version).toBe(3)
    expect(metadata.get("one.STRING")).toBe("é🦓\ufeff\ufffd")
    expect(metadata.get("list.STRING")).toEqual(["é🦓\ufeff\ufffd", "é🦓\ufeff\ufffd"])
    expect(metadata.get("one.BOOL")).toBe(true)
    expect(metadata.get("list.BOOL")).toEqual([true, true])
    expect(metadata.get("exact")).toBe(2 ** 53 - 1)
    expect(metadata.get("nested")).toEqual([Int32Array.of(1, 2), Int32Array.of(3)])
  })

  it("has the tensors at their aligned places, rows first", () => {
    expect(tensors.get("Q4_K.weight")).toMatchObject({ type: "Q4_K", shape: [3, 512], bytes: 3 * 2 * 144 })
    expect([...tensors.values()].map(({ offset }) => offset % 64)).toEqual(Array.from(tensors, () => 0))
    const last = [...tensors.values()].at(-1)!
    expect(last.offset + last.bytes).toBeLessThanOrEqual(fs.statSync(fixture).size)
  })
})

describe("what is refused", () => {
  it("other formats, versions and byte orders", () => {
    expect(refusal(() => readGguf(write(Buffer.from("GGUF"))))).toMatch(/only 4 bytes/)
    expect(refusal(() => readGguf(write(Buffer.alloc(64, "x"))))).toMatch(/does not begin with "GGUF"/)
    expect(refusal(() => read({ version: 1 }))).toMatch(/version 1 .* supported are 2 and 3/)
    expect(refusal(() => read({ version: 4 }))).toMatch(/version 4 /)
    expect(refusal(() => read({ version: 0x0300_0000 }))).toMatch(/big-endian/)
    expect(read({ version: 2 }).version).toBe(2)
  })

  it("what is no file", () => {
    expect(refusal(() => readGguf(path.join(folder, "absent.gguf")))).toMatch(/no such file/)
    expect(refusal(() => readGguf(folder))).toMatch(/a folder, not a file/)
  })

  it("counts and lengths that the file cannot hold, before anything of their size is made", () => {
    expect(refusal(() => read({ tensorCount: 2n ** 60n }))).toMatch(/do not fit/)
    expect(refusal(() => read({ metadataCount: 2n ** 64n - 1n }))).toMatch(/do not fit/)
    const many = write(ggufBytes({ metadata: {}, tensors: [], tensorCount: 200_000n }))
    fs.truncateSync(many, 10_000_000)
    expect(refusal(() => readGguf(many))).toMatch(/200000 tensors are more than any model has/)
    const values = ggufBytes({ metadata: { key: ["list", "string", []] }, tensors: [] })
    values.writeBigUInt64LE(5_000_000n, values.indexOf("key") + 3 + 4 + 4)
    const full = write(values)
    fs.truncateSync(full, 50_000_000)
    expect(refusal(() => readGguf(full))).toMatch(/metadata key: more than 4194304 values are not read/)
    const long = ggufBytes({ metadata: { key: ["string", "value"] }, tensors: [] })
    long.writeBigUInt64LE(2n ** 40n, long.indexOf("value") - 8)
    expect(refusal(() => readGguf(write(long)))).toMatch(/goes on after its end/)
    const list = ggufBytes({ metadata: { key: ["list", "f64", [["f64", 1]]] }, tensors: [] })
    list.writeBigUInt64LE(2n ** 61n, list.indexOf("key") + 3 + 4 + 4)
    expect(refusal(() => readGguf(write(list)))).toMatch(/goes on after its end/)
  })

  it("metadata that mean nothing", () => {
    const nested = (depth: number): Typed =>
      depth === 0 ? ["u8", 1] : ["list", depth === 1 ? "u8" : "list", [nested(depth - 1)]]
    expect(read({ metadata: { key: nested(8) } }).metadata.size).toBe(1)
    expect(refusal(() => read({ metadata: { key: nested(9) } }))).toMatch(/metadata key: lists inside lists/)
    const bool = ggufBytes({ metadata: { key: ["bool", true] }, tensors: [] })
    bool[bool.indexOf("key") + 3 + 4] = 2
    expect(refusal(() => readGguf(write(bool)))).toMatch(/metadata key: a truth value is 2/)
    const type = ggufBytes({ metadata: { key: ["u8", 1] }, tensors: [] })
    type[type.indexOf("key") + 3] = 13
    expect(refusal(() => readGguf(write(type)))).toMatch(/metadata key: its type has the number 13/)
    const utf8 = ggufBytes({ metadata: { key: ["string", "value"] }, tensors: [] })
    utf8[utf8.indexOf("value")] = 0xff
    expect(refusal(() => readGguf(write(utf8)))).toMatch(/metadata key: a text is not UTF-8/)
    const twice = ggufBytes({ metadata: { one: ["u8", 1], two: ["u8", 1] }, tensors: [] })
    twice.write("one", twice.indexOf("two"))
    expect(refusal(() => readGguf(write(twice)))).toMatch(/the key "one" twice/)
    for (const alignment of [0, 24, 2 ** 31])
      expect(refusal(() => read({ metadata: { "general.alignment": ["u32", alignment] } }))).toMatch(/power of two/)
    expect(refusal(() => read({ metadata: { "general.alignment": ["f32", 0.5] } }))).toMatch(/power of two/)
  })

  it("tensors that cannot be", () => {
    const eight = floats("a", [8])
    const tensors = (...parts: GgufParts["tensors"]) => refusal(() => read({ tensors: parts }))
    expect(tensors(eight, eight)).toMatch(/the tensor a twice/)
    expect(tensors(eight, { ...eight, name: "b", offset: 0n })).toMatch(/tensor b overlaps/)
    expect(tensors({ ...eight, offset: 4n })).toMatch(/offset 4 is not a multiple of 32/)
    expect(tensors({ ...eight, offset: 2n ** 63n })).toMatch(/offset/)
    expect(tensors({ ...eight, shape: [1, 1, 1, 1, 8] })).toMatch(/5 dimensions/)
    expect(tensors({ ...eight, shape: [2n ** 32n, 2n ** 32n] })).toMatch(/larger than any file/)
    expect(tensors({ ...eight, shape: [0, 2n ** 60n] })).toMatch(/larger than any file/)
    expect(tensors({ ...eight, shape: [1000] })).toMatch(/incomplete: expected at least \d+ bytes, found/)
    expect(tensors({ ...eight, shape: [31], type: 8 })).toMatch(/rows of 31 weights are not whole blocks of 32/)
  })

  it("types that are not known, with their names", () => {
    const sentence = (type: number) =>
      refusal(() => read({ tensors: [{ ...floats("blk.0.attn_q.weight", [256]), type }] }))
    expect(sentence(16)).toMatch(/tensor blk\.0\.attn_q\.weight: type IQ2_XXS .*supported are F32, F16, BF16, Q4_0/)
    expect(sentence(10)).toMatch(/type Q2_K /)
    expect(sentence(999)).toMatch(/type of number 999 /)
  })
})

it("reads a pipe's name without waiting", () => {
  const pipe = path.join(folder, "pipe.gguf")
  if (spawnSync("mkfifo", [pipe]).status !== 0) return
  expect(refusal(() => readGguf(pipe))).toMatch(/a pipe or a device/)
})
