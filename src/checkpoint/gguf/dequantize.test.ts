/** Weights of every type against the gguf package, bit for bit. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { toFloat32 } from "../element-types.js"
import { readTensor } from "../safetensors/safetensors.js"
import { dequantize } from "./dequantize.js"
import { readGguf } from "./file.js"
import { KNOWN_TYPES } from "./types.js"
import { plainLocation, readWeights, weightPieces } from "./weights.js"

const folder = path.resolve(import.meta.dirname, "../../../test/fixtures/gguf")
const { blocks } = JSON.parse(fs.readFileSync(path.join(folder, "expected.json"), "utf8"))
const { tensors } = readGguf(path.join(folder, "blocks.gguf"))
const hex = (values: ArrayBufferView) =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex")
const golden = (type: string, dtype: "float32" | "bfloat16") =>
  Buffer.from(blocks[type][dtype], "base64").toString("hex")
const sizeOf = (shape: number[]) => shape.reduce((product, size) => product * size, 1)

it("the fixture has every type", () => {
  expect([...tensors.keys()].sort()).toEqual(KNOWN_TYPES.map((type) => `${type}.weight`).sort())
})

describe.each(KNOWN_TYPES)("%s", (type) => {
  const tensor = tensors.get(`${type}.weight`)!
  const count = sizeOf(tensor.shape)

  it("is the values of the gguf package in float32", () => {
    const out = new Float32Array(count)
    readWeights(tensor, out)
    expect(tensor.shape).toEqual(blocks[type].shape)
    expect(hex(out)).toBe(golden(type, "float32"))
  })

  it("is these values rounded to bfloat16", () => {
    const out = new Uint16Array(count)
    readWeights(tensor, out)
    expect(hex(out)).toBe(golden(type, "bfloat16"))
  })

  it("comes in pieces for a writer, its rows in another order", () => {
    const order = Uint32Array.of(2, 0, 1)
    const rows = Buffer.from(blocks[type].float32, "base64")
    const width = rows.length / 3
    const expected = Buffer.concat(Array.from(order, (row) => rows.subarray(row * width, (row + 1) * width)))
    expect(Buffer.concat([...weightPieces(tensor, "float32", order)]).toString("hex")).toBe(expected.toString("hex"))
  })

  it("can begin at any byte of its source", () => {
    const bytes = fs.readFileSync(tensor.file).subarray(tensor.offset, tensor.offset + tensor.bytes)
    const shifted = new Uint8Array(bytes.length + 1)
    shifted.set(bytes, 1)
    const out = new Float32Array(count)
    dequantize(type, shifted.subarray(1), out)
    expect(hex(out)).toBe(golden(type, "float32"))
  })
})

it("rounds many pieces as one", () => {
  const row = fs.readFileSync(tensors.get("Q8_0.weight")!.file)
  const { offset, bytes } = tensors.get("Q8_0.weight")!
  const once = row.subarray(offset, offset + bytes)
  const times = 100
  const out = new Uint16Array(times * 384)
  dequantize("Q8_0", Buffer.concat(Array.from({ length: times }, () => once)), out)
  expect(hex(out)).toBe(golden("Q8_0", "bfloat16").repeat(times))
})

it("keeps what is no number from becoming one", () => {
  const source = Uint32Array.of(0x7f800001, 0xffffffff, 0x7f800000, 0xff800000, 0x7f7fffff)
  const out = new Uint16Array(source.length)
  dequantize("F32", new Uint8Array(source.buffer), out)
  const isNumber = [...out].map((bits) => (bits & 0x7fff) <= 0x7f80)
  expect(isNumber).toEqual([false, false, true, true, true])
  expect([...out.subarray(2)]).toEqual([0x7f80, 0xff80, 0x7f80])
})

it("says that the file has become shorter", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "gguf-"))
  onTestFinished(() => fs.rmSync(folder, { recursive: true }))
  const file = path.join(folder, "model.gguf")
  const tensor = { ...tensors.get("Q6_K.weight")!, file }
  fs.writeFileSync(file, fs.readFileSync(tensors.get("F32.weight")!.file).subarray(0, tensor.offset + 100))
  const out = new Float32Array(sizeOf(tensor.shape))
  expect(() => readWeights(tensor, out)).toThrow(/the file ended while it was read/)
  fs.rmSync(file)
  expect(() => readWeights(tensor, out)).toThrow(/cannot open the weights file \(there is no such file\)/)
})

it("gives what is not quantised as a place in the file", () => {
  expect(plainLocation(tensors.get("Q4_0.weight")!)).toBeUndefined()
  for (const type of ["F32", "F16", "BF16"]) {
    const location = plainLocation(tensors.get(`${type}.weight`)!)!
    expect(hex(toFloat32(readTensor(location), location.dtype)), type).toBe(golden(type, "float32"))
  }
})
