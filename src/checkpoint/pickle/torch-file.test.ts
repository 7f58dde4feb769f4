/** Files of torch.save against what torch reads from them, and every way in which one can be damaged or mean harm. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { UserError } from "../../errors.js"
import { bytesOf, type TensorView } from "../tensor-view.js"
import { openWeights } from "../weight-files.js"
import { readTorchFile } from "./torch-file.js"

const fixtures = path.resolve(import.meta.dirname, "../../../test/fixtures/pickle")
const fixture = (name: string): string => path.join(fixtures, name)
const json = (name: string) => JSON.parse(fs.readFileSync(fixture(name), "utf8"))

let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "pickle-"))
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

const base64 = (view: TensorView): string => Buffer.from(bytesOf(view)).toString("base64")

function thrown(action: () => unknown): UserError {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return error as UserError
  }
  throw new Error("nothing was thrown")
}

describe("what torch saves", () => {
  const expected: Record<string, { dtype: string; shape: number[]; bytes: string }> = json("everything.json")

  it.each(["zip.bin", "zip-protocol-4.bin", "legacy.bin"])("%s: every type, shared storages, strides", (name) => {
    const tensors = readTorchFile(fixture(name))
    expect([...tensors.keys()]).toEqual(Object.keys(expected))
    expect(tensors.size).toBe(25)
    for (const [key, view] of tensors) {
      const { dtype, shape, bytes } = expected[key]
      expect({ dtype: view.dtype, shape: view.shape, bytes: base64(view) }, key).toEqual({ dtype, shape, bytes })
    }
  })

  it("what is contiguous stays a place in the file", () => {
    const tensors = readTorchFile(fixture("zip.bin"))
    const gathered = [...tensors].filter(([, view]) => "op" in view).map(([name]) => name)
    expect(gathered).toEqual([
      "shared.turned",
      "shared.steps",
      "conv.channels_last",
      "conv.permuted",
      "conv.bfloat16",
      "conv.double",
      "conv.bytes",
      "repeated",
    ])
    const [whole, part] = ["shared.whole", "shared.part"].map((name) => tensors.get(name) as { offset: number })
    expect(part.offset - whole.offset).toBe(7 * 4)
  })

  it.each(["module.bin", "nested.pth", "two.pth"])("%s: a state dictionary, alone or among other things", (name) => {
    const tensors = readTorchFile(fixture(name))
    expect(Object.fromEntries([...tensors].map(([key, view]) => [key, base64(view)]))).toEqual(json("module.json"))
  })

  it("a folder with pytorch_model.bin, or its shards; safetensors win", () => {
    const shards = openWeights(fixture("shards"))
    expect(Object.fromEntries([...shards].map(([key, view]) => [key, base64(view)]))).toEqual(json("module.json"))
    fs.copyFileSync(fixture("module.bin"), path.join(folder, "pytorch_model.bin"))
    expect([...openWeights(folder).keys()]).toEqual(Object.keys(json("module.json")))
    fs.copyFileSync(
      path.resolve(fixtures, "../checkpoint/all-types.safetensors"),
      path.join(folder, "model.safetensors"),
    )
    expect(openWeights(folder).has("a.f32")).toBe(true)
  })

  it("a shard that is missing is named", () => {
    fs.cpSync(fixture("shards"), folder, { recursive: true })
    fs.rmSync(path.join(folder, "pytorch_model-00002-of-00002.bin"))
    expect(thrown(() => openWeights(folder)).message).toBe(
      "1 of 2 weight files are missing: pytorch_model-00002-of-00002.bin",
    )
  })
})

describe("what is refused by name, and never run", () => {
  it.each([
    ["evil.bin", /it holds a (posix|nt)\.system; only tensors, .* are read .* nothing in them is run/],
    ["evil-legacy.bin", /it holds a (posix|nt)\.system;/],
    ["whole-module.pt", /it holds a torch\.nn\.modules\.container\.Sequential;/],
    ["counter.bin", /it holds a collections\.Counter;/],
    ["complex.bin", /tensors of the type ComplexFloat, which are not read/],
    ["float8.bin", /it has tensors of (the type \w+|a rare kind, made by _rebuild_tensor_v3), which are not read/],
    ["list.bin", /it holds no dictionary of tensors/],
    ["unclear.pth", /it holds several dictionaries of tensors: ema, teacher/],
  ])("%s", (name, reason) => {
    const error = thrown(() => readTorchFile(fixture(name)))
    expect(error.message).toMatch(reason)
    expect(error.where).toBe(fixture(name))
    expect(error.fix).toBeDefined()
  })

  it("nothing was run", () => expect(fs.existsSync("/tmp/pickle-was-run")).toBe(false))
})

/** A pickle in the older form. `object` is in Python's instructions; texts are taken byte by byte. */
function legacy(object: string, keys = "]", storages: Buffer = Buffer.alloc(0)): string {
  const file = path.join(folder, "legacy.bin")
  const magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
  const text = `${magic}\x80\x02M\xe9\x03.\x80\x02}.\x80\x02${object}.\x80\x02${keys}.`
  fs.writeFileSync(file, Buffer.concat([Buffer.from(text, "latin1"), storages]))
  return file
}

const u8 = (value: number): string => `K${String.fromCharCode(value)}`
const i32 = (value: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return `J${bytes.toString("latin1")}`
}
/** As Python 2 wrote it. */
const text = (value: string): string => `U${String.fromCharCode(value.length)}${value}`
const storageId = (elements: number, view = "N"): string =>
  `(${text("storage")}ctorch\nFloatStorage\n${text("7")}${text("cpu")}${i32(elements)}${view}tQ`
const tensorOf = (storage: string, offset: number, shape: number[], strides: number[]): string =>
  `ctorch._utils\n_rebuild_tensor\n(${storage}${u8(offset)}(${shape.map(i32).join("")}t(${strides.map(i32).join("")}ttR`
const weight = (tensor: string): string => `}${text("w")}${tensor}s`
const floats = (count: number, ...values: number[]): Buffer => {
  const bytes = Buffer.alloc(8 + 4 * values.length)
  bytes.writeBigInt64LE(BigInt(count))
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, 8 + 4 * i)
  return bytes
}
const KEYS = `]${text("7")}a`

describe("files of old programs", () => {
  const values = (file: string): number[] => {
    const bytes = bytesOf(readTorchFile(file).get("w")!)
    return [...new Float32Array(bytes.buffer as ArrayBuffer)]
  }

  it("Python 2: byte texts, dictionaries of pairs, storages that are parts of others", () => {
    const whole = tensorOf(storageId(4), 1, [2], [2])
    expect(values(legacy(weight(whole), KEYS, floats(4, 1, 2, 3, 4)))).toEqual([2, 4])
    const pairs = `ccollections\nOrderedDict\n]]${text("w")}a${whole}aa\x85R`
    expect(values(legacy(pairs, KEYS, floats(4, 1, 2, 3, 4)))).toEqual([2, 4])
    const part = tensorOf(storageId(4, `(${text("8")}${i32(2)}${i32(2)}t`), 0, [2], [1])
    expect(values(legacy(weight(part), KEYS, floats(4, 1, 2, 3, 4)))).toEqual([3, 4])
  })

  it.each([
    ["another magic number", "\x80\x02K\x01.", /a pickle that torch.save has not written/],
    ["no zip, no pickle", "GIF89a", /begins neither as a zip archive nor as a pickle/],
    ["a web page", "<html>", /begins neither/],
    ["protocol 0", "(dp0\n.", /begins neither/],
    ["nothing", "", /has only 0 bytes/],
    ["two bytes", "PK", /has only 2 bytes/],
  ])("%s", (_, content, reason) => {
    const file = path.join(folder, "x.bin")
    fs.writeFileSync(file, Buffer.from(content, "latin1"))
    expect(thrown(() => readTorchFile(file)).message).toMatch(reason)
  })
})

describe("damage and harm", () => {
  const good = tensorOf(storageId(4), 0, [2, 2], [2, 1])
  const data = floats(4, 1, 2, 3, 4)

  it.each<[string, string, string, Buffer, RegExp]>([
    [
      "a tensor beyond its storage",
      weight(tensorOf(storageId(4), 1, [2, 2], [2, 1])),
      KEYS,
      data,
      /lies outside its storage of 4/,
    ],
    [
      "a negative stride",
      weight(tensorOf(storageId(4), 3, [2], [-1])),
      KEYS,
      data,
      /no storage, offset, shape and strides/,
    ],
    ["more axes than strides", weight(tensorOf(storageId(4), 0, [2, 2], [2])), KEYS, data, /2 axes, but 1 strides/],
    [
      "a storage that claims too much",
      weight(tensorOf(storageId(9), 0, [9], [1])),
      KEYS,
      data,
      /its storage has 4 elements, 9 are needed/,
    ],
    [
      "one element as a billion",
      weight(tensorOf(storageId(4), 0, [2 ** 30, 4], [0, 1])),
      KEYS,
      data,
      /repeats its 4 stored elements too often/,
    ],
    [
      "a shape beyond all numbers",
      weight(tensorOf(storageId(4), 0, Array(20).fill(2 ** 30), Array(20).fill(0))),
      KEYS,
      data,
      /lies outside/,
    ],
    ["a storage that is not listed", weight(good), "]", Buffer.alloc(0), /storage 7, which it does not hold/],
    [
      "a storage listed twice",
      weight(good),
      `]${text("7")}a${text("7")}a`,
      Buffer.concat([data, data]),
      /"?7"?, which is listed already/,
    ],
    ["a storage that nothing needs", weight(good), `]${text("9")}a`, data, /which nothing refers to/],
    [
      "a storage that is cut off",
      weight(good),
      KEYS,
      data.subarray(0, 20),
      /reaches beyond the end of the file: it is incomplete/,
    ],
    ["a count beyond all files", weight(good), KEYS, Buffer.alloc(8, 0xff), /reaches beyond the end/],
    [
      "a module in place of a storage",
      `${text("module")}Q`,
      "]",
      Buffer.alloc(0),
      /refers to nothing, which is no storage/,
    ],
    ["an empty stack", "0", "]", Buffer.alloc(0), /pickle is damaged near byte/],
    ["a value that is not remembered", "h\x07", "]", Buffer.alloc(0), /pickle is damaged/],
    ["a call of a text", `${text("os")})R`, "]", Buffer.alloc(0), /pickle is damaged/],
    ["an instruction for classes", "cos\nsystem\n)\x81", "]", Buffer.alloc(0), /it holds a os\.system/],
    ["an instruction that is not known", "\xff", "]", Buffer.alloc(0), /has the instruction 0xff at/],
    ["a text longer than the file", "X\xff\xff\xff\x7f", "]", Buffer.alloc(0), /a text of 2147483647 bytes/],
    ["an integer of a billion bytes", "\x8b\xff\xff\xff\x3f", "]", Buffer.alloc(0), /an integer of 1073741823 bytes/],
  ])("%s", (_, object, keys, storages, reason) => {
    const error = thrown(() => readTorchFile(legacy(object, keys, storages)))
    expect(error.message).toMatch(reason)
    expect(error.fix).toBeDefined()
  })

  it("a list given to a million dictionaries is not copied a million times", () => {
    const pairs = `](${`${text("k")}N\x86`.repeat(2000)}eq\x01`
    const many = `ccollections\nOrderedDict\nq\x000${pairs}0]${"h\x00h\x01\x85R".repeat(3000)}`
    expect(thrown(() => readTorchFile(legacy(many))).message).toMatch(/dictionaries are larger than those of any model/)
  })

  it("a pickle without an end is given up", () => {
    expect(thrown(() => readTorchFile(legacy("N0".repeat(2_600_000)))).message).toMatch(/larger than that of any model/)
  })

  it("lists within lists and in themselves do no harm", () => {
    expect(thrown(() => readTorchFile(legacy("]".repeat(50_000) + "a".repeat(49_999)))).message).toMatch(
      /no dictionary/,
    )
    expect(thrown(() => readTorchFile(legacy(`}q\x00${text("a")}h\x00s`))).message).toMatch(/no dictionary/)
  })

  it.each(["zip.bin", "legacy.bin"])("%s cut off anywhere", (name) => {
    const whole = fs.readFileSync(fixture(name))
    const file = path.join(folder, name)
    for (let bytes = 0; bytes < whole.length; bytes += 37) {
      fs.writeFileSync(file, whole.subarray(0, bytes))
      expect(thrown(() => readTorchFile(file)).where, `${bytes}`).toBe(file)
    }
  })

  it.each(["zip.bin", "legacy.bin", "nested.pth"])("%s with changed bytes: read or refused, nothing else", (name) => {
    const whole = fs.readFileSync(fixture(name))
    const file = path.join(folder, name)
    const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.integer({ min: 0, max: 255 }) })
    let refused = 0
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = Buffer.from(whole)
        for (const { at, byte } of changes) bytes[at] = byte
        fs.writeFileSync(file, bytes)
        try {
          for (const view of readTorchFile(file).values()) bytesOf(view)
        } catch (error) {
          if (!(error instanceof UserError)) throw error
          refused++
        }
      }),
      { numRuns: 250, seed: 10 },
    )
    expect(refused).toBeGreaterThan(20)
  })
})
