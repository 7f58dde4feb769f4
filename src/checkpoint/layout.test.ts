/** Rules of layouts, both ways: names, fused and separate tensors, other orders; written and read back, as bytes and as tensors. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { MappedFiles } from "../models/mapped-files.js"
import { locateTensors } from "./checkpoint.js"
import { fillName, type Layout, matchName, type Reorder } from "./layout.js"
import { type TensorEntry, writeTensors } from "./safetensors/safetensors.js"
import { storedEntries } from "./stored-entries.js"
import { joinOf, readView, reorderOf, sliceOf, type TensorView, undone } from "./tensor-view.js"

const numbers = (view: TensorView): number[] => [
  ...new Float32Array(new Uint8Array(Buffer.concat([...readView(view)])).buffer),
]
const counting = (...shape: number[]): TensorEntry => ({
  name: "counting",
  dtype: "float32",
  shape,
  data: () => new Uint8Array(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i).buffer),
})

describe("names", () => {
  it("placeholders stand for numbers and rests, and are filled in again", () => {
    expect(matchName("a.{i}.b.*", "a.12.b.c.weight")).toEqual(["12", "c.weight"])
    expect(matchName("a.{i}.b.*", "a.x.b.c")).toBeUndefined()
    expect(matchName("a.b", "axb")).toBeUndefined()
    expect(matchName("*", "anything\nat all")).toEqual(["anything\nat all"])
    expect(fillName("layers.{i}.*", ["12", "c.weight"])).toBe("layers.12.c.weight")
  })
})

describe("views", () => {
  it("a slice, a join and another order have the elements that they say", () => {
    expect(numbers(sliceOf(counting(2, 3), 1, 1, 2))).toEqual([1, 2, 4, 5])
    expect(numbers(sliceOf(counting(3, 2), 0, 1, 1))).toEqual([2, 3])
    expect(numbers(joinOf([counting(2, 1), counting(2, 2)], 1))).toEqual([0, 0, 1, 1, 2, 3])
    expect(numbers(reorderOf(counting(2, 3), { order: [1, 0] }))).toEqual([0, 3, 1, 4, 2, 5])
    // Rows in pairs (0, 1), (2, 3) of one head become halves (0, 2), (1, 3).
    const halves = reorderOf(counting(4, 1), { view: [1, 2, 2, -1], order: [0, 2, 1, 3] })
    expect([halves.shape, numbers(halves)]).toEqual([
      [4, 1],
      [0, 2, 1, 3],
    ])
  })

  it("bytes that are made when asked for are tensors too", () => {
    const tensor = new MappedFiles().tensor(reorderOf(counting(2, 3), { order: [1, 0] }))
    expect([tensor.shape, tensor.reshape(-1).toNumbers()]).toEqual([
      [3, 2],
      [0, 3, 1, 4, 2, 5],
    ])
  })

  it("another order, undone, is the first one", () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(shapes, fc.infiniteStream(fc.nat()), fc.boolean(), (shape, keys, asView) => {
        const order = shape
          .map((_, axis) => ({ axis, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ axis }) => axis)
        const reorder: Reorder = asView ? { view: shape, order } : { order }
        const there = reorderOf(counting(...shape), reorder)
        const back = reorderOf(there, undone(reorder))
        expect(back.shape).toEqual(shape)
        expect(numbers(back)).toEqual(numbers(counting(...shape)))
      }),
    )
  })

  it("what does not fit is an error", () => {
    expect(() => joinOf([counting(2, 1), counting(3, 1)], 1)).toThrow(RangeError)
    expect(() => reorderOf(counting(2, 3), { view: [4, -1], order: [1, 0] })).toThrow(RangeError)
    expect(() => reorderOf(counting(2, 3), { order: [0] })).toThrow(RangeError)
  })
})

/** A family that fuses what we keep apart, keeps apart what we fuse, and has other orders. */
const odd: Layout = {
  name: "odd",
  rules: [
    { stored: "h.{i}.qkv.*", canonical: ["l.{i}.q.*", "l.{i}.k.*", "l.{i}.v.*"], axis: 0, sizes: [4, 2, 2] },
    { stored: ["t.{i}.gate.*", "t.{i}.up.*"], canonical: "l.{i}.gate_up.*", axis: 0 },
    { stored: "h.{i}.conv", canonical: "l.{i}.dense", reorder: { order: [1, 0] } },
    { stored: "h.{i}.pairs", canonical: "l.{i}.halves", reorder: { view: [2, 2, 2, -1], order: [0, 2, 1, 3] } },
    { stored: "side.*", canonical: "s.*", file: "model.safetensors" },
    { stored: "old.*", canonical: "e.*", readOnly: true },
    { stored: "e.*", canonical: "e.*" },
  ],
  ignored: ["h.{i}.buffer"],
}
const shapes: [string, number[]][] = [
  ["e.weight", [3, 5]],
  ["l.0.q.weight", [4, 5]],
  ["l.0.q.bias", [4]],
  ["l.0.k.weight", [2, 5]],
  ["l.0.k.bias", [2]],
  ["l.0.v.weight", [2, 5]],
  ["l.0.v.bias", [2]],
  ["l.0.gate_up.weight", [6, 5]],
  ["l.0.dense", [2, 7]],
  ["l.0.halves", [8, 3]],
  ["s.x", [1]],
]
const canonical = shapes.map(([name, shape], k): TensorEntry => {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = () => new Uint8Array(Float32Array.from({ length: size }, (_, i) => 100 * k + i).buffer)
  return { name, dtype: "float32", shape, data }
})

describe("folders", () => {
  let folder: string
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "layout-"))
  })
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))
  const located = (layouts: readonly Layout[] = [odd]) =>
    locateTensors(folder, { layouts, expected: new Map(shapes), tie: false })

  it("what is written by the rules is read back by them, as bytes and as tensors", async () => {
    const stored = storedEntries(odd, canonical)
    expect(stored.map(({ name, shape }) => [name, shape])).toEqual([
      ["e.weight", [3, 5]],
      ["h.0.qkv.weight", [8, 5]],
      ["h.0.qkv.bias", [8]],
      ["t.0.gate.weight", [3, 5]],
      ["t.0.up.weight", [3, 5]],
      ["h.0.conv", [7, 2]],
      ["h.0.pairs", [8, 3]],
      ["side.x", [1]],
    ])
    await writeTensors(folder, [...stored, { ...counting(2), name: "h.0.buffer" }])
    const { tensors } = located()
    expect([...tensors.keys()]).toEqual(shapes.map(([name]) => name))
    const mapped = new MappedFiles()
    for (const entry of canonical) {
      const view = tensors.get(entry.name)!
      expect(numbers(view), entry.name).toEqual(numbers(entry))
      const tensor = mapped.tensor(view)
      expect([tensor.shape, tensor.reshape(-1).toNumbers()], entry.name).toEqual([entry.shape, numbers(entry)])
    }
    // Whole rows of a fused tensor are places in the file: nothing is copied.
    expect(tensors.get("l.0.k.weight")).toHaveProperty("offset")
  })

  it("a fused tensor that does not divide, and parts that do not belong together, are named", async () => {
    const stored = storedEntries(odd, canonical)
    const change = (name: string, entry: TensorEntry) =>
      writeTensors(
        folder,
        stored.map((one) => (one.name === name ? { ...entry, name } : one)),
      )
    await change("h.0.qkv.weight", counting(9, 5))
    expect(located).toThrow(/h\.0\.qkv\.weight is \[9, 5\], which does not divide into its 3 parts/)
    await change("t.0.up.weight", counting(3, 4))
    expect(located).toThrow(/t\.0\.gate\.weight and the tensors that belong to it do not fit together/)
    await change("h.0.pairs", counting(9, 3))
    expect(located).toThrow(/h\.0\.pairs is \[9, 3\], not in the order that its layout has/)
    await writeTensors(
      folder,
      stored.filter(({ name }) => name !== "t.0.up.weight"),
    )
    expect(located).toThrow(/1 tensor missing: l\.0\.gate_up\.weight/)
  })

  it("the layout that is meant is the one whose names are there", async () => {
    const plain: Layout = { name: "plain", rules: [{ stored: "*", canonical: "*" }] }
    await writeTensors(folder, canonical)
    expect(located([{ ...odd, when: "h.{i}.*" }, plain]).layout.name).toBe("plain")
    await writeTensors(folder, storedEntries(odd, canonical))
    expect(located([{ ...odd, when: "h.{i}.*" }, plain]).layout.name).toBe("odd")
  })

  it("a model is not written with parts of a fused tensor only", () => {
    expect(() =>
      storedEntries(
        odd,
        canonical.filter(({ name }) => name !== "l.0.v.bias"),
      ),
    ).toThrow(/only parts of h\.0\.qkv\.bias/)
    expect(() => storedEntries(odd, [{ ...counting(1), name: "unknown" }])).toThrow(/no name for unknown/)
  })
})
