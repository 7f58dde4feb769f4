/** Reading: golden file of the reference writer, sharded folders, and every way a header can be wrong. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { UserError } from "../../errors.js"
import { toFloat32 } from "../element-types.js"
import { openTensors, readHeader, readPieces, readTensor, type TensorEntry, writeTensors } from "./safetensors.js"
import { encodeHeader, findDuplicateKey, parseHeader } from "./safetensors-header.js"

const fixtures = path.resolve(import.meta.dirname, "../../../test/fixtures/checkpoint")
let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "safetensors-"))
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

/** Header text as a file with `dataBytes` bytes of data. */
function fileWith(header: string, dataBytes: number): string {
  const json = Buffer.from(header)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const file = path.join(folder, "model.safetensors")
  fs.writeFileSync(file, Buffer.concat([length, json, Buffer.alloc(dataBytes)]))
  return file
}

const entry = (begin: number, end: number, shape = [end - begin], dtype = "U8") =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] })

describe("reading", () => {
  it("gives every element type of the reference writer", () => {
    const { tensors, metadata } = readHeader(path.join(fixtures, "all-types.safetensors"))
    const expected = JSON.parse(fs.readFileSync(path.join(fixtures, "all-types.json"), "utf8"))
    expect(metadata).toEqual({ format: "pt" })
    expect([...tensors.keys()].sort()).toEqual(Object.keys(expected).sort())
    for (const [name, location] of tensors) {
      const { dtype, shape, values } = expected[name]
      expect({ dtype: location.dtype, shape: location.shape }, name).toEqual({ dtype, shape })
      expect(numbers(readTensor(location), dtype), name).toEqual(
        values.map((value: unknown) =>
          typeof value === "string" ? Number(value.replace("inf", "Infinity")) : Number(value),
        ),
      )
    }
  })

  it("cuts a tensor into pieces without losing a byte", () => {
    const location = readHeader(path.join(fixtures, "all-types.safetensors")).tensors.get("a.f32")!
    const pieces = [...readPieces(location, 16)]
    expect(pieces.map((piece) => piece.length)).toEqual([16, 16, 16])
    expect(Buffer.concat(pieces)).toEqual(Buffer.from(readTensor(location)))
  })
})

function numbers(bytes: Uint8Array, dtype: string): number[] {
  if (["bfloat16", "float16", "float32"].includes(dtype)) return [...toFloat32(bytes, dtype as "float32")]
  const buffer = bytes.slice().buffer
  if (dtype === "float64") return [...new Float64Array(buffer)]
  if (dtype === "int64") return [...new BigInt64Array(buffer)].map(Number)
  if (dtype === "int32") return [...new Int32Array(buffer)]
  if (dtype === "int16") return [...new Int16Array(buffer)]
  return dtype === "int8" ? [...new Int8Array(buffer)] : [...new Uint8Array(buffer)]
}

describe("malformed files are refused with the file and the reason", () => {
  const cases: [string, string, number, RegExp][] = [
    ["not JSON", "{nonsense", 0, /not JSON/],
    ["a list", "[]", 0, /not a JSON object/],
    ["space before the brace", " {}", 0, /not a JSON object/],
    [
      "no type",
      `{"a":{"shape":[1],"data_offsets":[0,1]}}`,
      1,
      /tensor a: its element type \(dtype\) is nothing, not a text/,
    ],
    ["a type that is no text", `{"a":{"dtype":8,"shape":[1],"data_offsets":[0,1]}}`, 1, /is 8, not a text/],
    ["a name with odd characters", `{"a\\u0000b":7}`, 0, /tensor "a\\u0000b": its entry/],
    [
      "shape and bytes disagree",
      `{"a":${entry(0, 4, [3])}}`,
      4,
      /tensor a: U8 \[3\] needs 3 bytes, its offsets give 4/,
    ],
    ["negative size", `{"a":${entry(0, 1, [-1])}}`, 1, /shape/],
    ["fractional size", `{"a":${entry(0, 1, [0.5])}}`, 1, /shape/],
    ["overflowing shape", `{"a":${entry(0, 8, [2 ** 52, 2 ** 52])}}`, 8, /needs/],
    ["offsets reversed", `{"a":${entry(4, 0, [4])}}`, 4, /begin and an end/],
    ["overlap", `{"a":${entry(0, 4)},"b":${entry(2, 6)}}`, 6, /tensor b overlaps/],
    ["hole", `{"a":${entry(0, 4)},"b":${entry(6, 8)}}`, 8, /2 unused bytes before tensor b/],
    ["hole at the start", `{"a":${entry(1, 4)}}`, 4, /1 unused bytes before tensor a/],
    ["bytes after the end", `{"a":${entry(0, 4)}}`, 9, /5 bytes that its header does not describe/],
    ["the same name twice", `{"a":${entry(0, 4)},"a":${entry(0, 4)}}`, 4, /key "a" twice/],
    ["the same name twice, escaped", `{"a":${entry(0, 4)},"\\u0061":${entry(0, 4)}}`, 4, /key "a" twice/],
    ["metadata that is not strings", `{"__metadata__":{"format":1}}`, 0, /map of strings/],
    ["entry that is not an object", `{"a":7}`, 0, /tensor a: its entry/],
  ]
  it.each(cases)("%s", (_, header, dataBytes, reason) => {
    const file = fileWith(header, dataBytes)
    const error = thrown(() => readHeader(file))
    expect(error.message).toMatch(reason)
    expect(error.where).toBe(file)
  })

  it.each(["F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "U16", "U32", "U64", "C64", "Q9"])(
    "a tensor of type %s: the file is fine, the type is not supported",
    (code) => {
      const error = thrown(() => readHeader(fileWith(`{"a":${entry(0, 1, [1], code)}}`, 1)))
      expect(error.message).toBe(
        `tensor a: element type "${code}" is not supported; supported are BOOL, U8, I8, I16, F16, BF16, I32, F32, F64, I64`,
      )
    },
  )

  it("a folder, a pipe or nothing in place of the file", () => {
    fs.mkdirSync(path.join(folder, "model.safetensors"))
    expect(thrown(() => openTensors(folder)).message).toBe("it is a folder, not a file")
    fs.rmdirSync(path.join(folder, "model.safetensors"))
    expect(thrown(() => readHeader("/dev/null")).message).toBe("it is a pipe or a device, not a file")
    expect(thrown(() => readHeader(path.join(folder, "a\0b"))).message).toContain("its name holds a null character")
    expect(thrown(() => readHeader(path.join(folder, "none"))).message).toContain("there is no such file")
  })

  it.each([
    ["null", "not a JSON object but null"],
    ["[]", "not a JSON object but an empty list"],
    ["{}", "it has no weight_map of tensors to files"],
    ['{"weight_map": ["a"]}', "it has no weight_map of tensors to files"],
    ['{"weight_map": {"a": 1}}', "weight_map sends a to 1, which is not a file name"],
    ['{"weight_map": {"a": ""}}', 'weight_map sends a to "", which is not a file name'],
    ['{"weight_map": {"a": "../b"}}', 'weight_map sends a to "../b", which is not a file name'],
    ['{"weight_map": {"a": "b\\u0000"}}', "which is not a file name"],
    ['{"weight_map": {"a": "b.safetensors"}}', "1 of 1 weight files are missing: b.safetensors"],
  ])("an index of %s", (text, sentence) => {
    fs.rmSync(path.join(folder, "model.safetensors"), { force: true })
    fs.writeFileSync(path.join(folder, "model.safetensors.index.json"), text)
    expect(thrown(() => openTensors(folder)).message).toContain(sentence)
    fs.rmSync(path.join(folder, "model.safetensors.index.json"))
  })

  it("truncated data: expected and actual bytes", () => {
    const file = fileWith(`{"a":${entry(0, 100)}}`, 60)
    const actual = fs.statSync(file).size
    expect(thrown(() => openTensors(folder)).message).toBe(
      `the file is incomplete: expected ${actual + 40} bytes, found ${actual}`,
    )
  })

  it("truncated inside the header or before it", () => {
    const file = fileWith(`{"a":${entry(0, 4)}}`, 4)
    for (const size of [20, 8, 5, 0]) {
      fs.truncateSync(file, size)
      expect(thrown(() => readHeader(file)).message).toMatch(new RegExp(`incomplete.*found ${size}`))
    }
  })

  it("a header length beyond the limit is not read", () => {
    const file = path.join(folder, "model.safetensors")
    fs.writeFileSync(file, Buffer.alloc(16, 0xff))
    expect(thrown(() => readHeader(file)).message).toMatch(/claims to be 18446744073709551615 bytes/)
  })

  it("never fails with anything but a UserError, whatever the bytes are", () => {
    const bases = [
      encodeHeader([{ name: "a", dtype: "float32", shape: [2, 3] }], { format: "pt" }).subarray(8),
      encodeHeader([
        { name: "a", dtype: "bfloat16", shape: [4] },
        { name: "b", dtype: "int64", shape: [] },
      ]).subarray(8),
    ]
    const seen = { read: 0, refused: 0 }
    const change = fc.record({ at: fc.nat(200), byte: fc.integer({ min: 0, max: 255 }), remove: fc.boolean() })
    fc.assert(
      fc.property(
        fc.constantFrom(...bases),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.nat(64),
        (base, changes, data) => {
          const bytes = [...base]
          for (const { at, byte, remove } of changes) bytes.splice(at % bytes.length, remove ? 1 : 0, byte)
          seen[tolerate(() => parseHeader(Uint8Array.from(bytes), "x", 8 + bytes.length + data))]++
        },
      ),
      { numRuns: 2000 },
    )
    expect(seen.read + seen.refused).toBe(2000)
    expect(seen.refused).toBeGreaterThan(1000)
    const field = fc.oneof(
      fc.jsonValue(),
      fc.record({ dtype: fc.jsonValue(), shape: fc.jsonValue(), data_offsets: fc.jsonValue() }),
    )
    fc.assert(
      fc.property(fc.dictionary(fc.string(), field), (header) => {
        const json = new TextEncoder().encode(JSON.stringify(header))
        tolerate(() => parseHeader(json, "x", 8 + json.length))
      }),
    )
  })

  it("finds repeated keys exactly where there are some", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => findDuplicateKey(JSON.stringify(value)) === undefined))
    expect(findDuplicateKey('{"a":{"b":1},"c":[{"b":1},{"b":2}],"x\\"y":"a"}')).toBeUndefined()
    expect(findDuplicateKey('{"a":{"b":1, "b" :2}}')).toBe("b")
  })
})

function tolerate(action: () => unknown): "read" | "refused" {
  try {
    action()
    return "read"
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return "refused"
  }
}

function thrown(action: () => unknown): UserError {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return error as UserError
  }
  throw new Error("nothing was thrown")
}

describe("folders", () => {
  const bytes = (name: string, length: number): TensorEntry => ({
    name,
    dtype: "uint8",
    shape: [length],
    data: () => new Uint8Array(length).fill(name.charCodeAt(0)),
  })
  const write = () => writeTensors(folder, [bytes("a", 10), bytes("b", 10), bytes("c", 10)], { maxShardBytes: 20 })
  const index = () => path.join(folder, "model.safetensors.index.json")
  const changeIndex = (change: (map: Record<string, string>) => void) => {
    const value = JSON.parse(fs.readFileSync(index(), "utf8"))
    change(value.weight_map)
    fs.writeFileSync(index(), JSON.stringify(value))
  }

  it("a single file wins over an index", async () => {
    await write()
    expect([...openTensors(folder).keys()]).toEqual(["a", "b", "c"])
    fileWith(`{"single":${entry(0, 4)}}`, 4)
    expect([...openTensors(folder).keys()]).toEqual(["single"])
  })

  it("names missing shards", async () => {
    await write()
    fs.rmSync(path.join(folder, "model-00002-of-00002.safetensors"))
    expect(thrown(() => openTensors(folder)).message).toBe(
      "1 of 2 weight files are missing: model-00002-of-00002.safetensors",
    )
  })

  it("refuses a truncated shard by name", async () => {
    await write()
    const shard = path.join(folder, "model-00001-of-00002.safetensors")
    fs.truncateSync(shard, fs.statSync(shard).size - 1)
    const error = thrown(() => openTensors(folder))
    expect(error.message).toMatch(/incomplete/)
    expect(error.where).toBe(shard)
  })

  it("refuses an index that disagrees with its shards", async () => {
    await write()
    changeIndex((map) => delete map.b)
    expect(thrown(() => openTensors(folder)).message).toMatch(/holds b, which the index does not list/)
    changeIndex((map) => Object.assign(map, { b: "model-00002-of-00002.safetensors" }))
    expect(thrown(() => openTensors(folder)).message).toMatch(/holds b, which the index places in/)
    changeIndex((map) =>
      Object.assign(map, { b: "model-00001-of-00002.safetensors", d: "model-00001-of-00002.safetensors" }),
    )
    expect(thrown(() => openTensors(folder)).message).toMatch(/places d in .* does not hold it/)
    changeIndex((map) => Object.assign(map, { d: "../outside.safetensors" }))
    expect(thrown(() => openTensors(folder)).message).toMatch(/not a file name/)
  })

  it("says what is there when there are no weights", () => {
    expect(thrown(() => openTensors(path.join(folder, "absent"))).message).toMatch(/no such folder/)
    expect(thrown(() => openTensors(folder)).message).toMatch(/no weights/)
    fs.writeFileSync(path.join(folder, "model.ckpt"), "")
    expect(thrown(() => openTensors(folder)).message).toMatch(/but the pickled model.ckpt/)
    fs.writeFileSync(path.join(folder, "model.Q8_0.gguf"), "")
    expect(thrown(() => openTensors(folder))).toMatchObject({
      message: expect.stringMatching(/no weights .* but GGUF files \(model\.Q8_0\.gguf\)/),
      fix: "Name the GGUF file as the model.",
    })
  })
})
