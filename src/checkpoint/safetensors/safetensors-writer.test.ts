/** Writing: round trips, the reference writer's bytes, sharding, and a stop after every single commit step. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ELEMENT_BYTES, type ElementType } from "../element-types.js"
import { partialName } from "../files.js"
import { openTensors, readHeader, readTensor, type TensorEntry, writeTensorFile, writeTensors } from "./safetensors.js"
import { commitSteps, planShards } from "./safetensors-writer.js"

let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "safetensors-"))
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

const types = Object.keys(ELEMENT_BYTES) as ElementType[]
const tensor = fc
  .record({
    name: fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).filter((name) => name !== "__metadata__"),
    dtype: fc.constantFrom(...types),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
  })
  .chain(({ name, dtype, shape }) => {
    const length = shape.reduce((a, b) => a * b, ELEMENT_BYTES[dtype])
    return fc.record({
      name: fc.constant(name),
      dtype: fc.constant(dtype),
      shape: fc.constant(shape),
      bytes: fc.uint8Array({ minLength: length, maxLength: length }),
    })
  })

describe("round trip", () => {
  it("gives back names, types, shapes and bytes, single or sharded, whole or in pieces", async () => {
    const checkpoints = fc.uniqueArray(tensor, { selector: (item) => item.name, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(
        checkpoints,
        fc.integer({ min: 1, max: 400 }),
        fc.boolean(),
        async (tensors, maxShardBytes, cut) => {
          const entries = tensors.map(({ name, dtype, shape, bytes }) => ({
            name,
            dtype,
            shape,
            data: () => (cut ? [bytes.subarray(0, 3), bytes.subarray(3)] : bytes),
          }))
          await writeTensors(folder, entries, { maxShardBytes })
          const read = openTensors(folder)
          expect([...read.keys()].sort()).toEqual(tensors.map(({ name }) => name).sort())
          for (const { name, dtype, shape, bytes } of tensors) {
            const location = read.get(name)!
            expect({ dtype: location.dtype, shape: location.shape }).toEqual({ dtype, shape })
            expect(Buffer.from(readTensor(location))).toEqual(Buffer.from(bytes))
          }
          expect(fs.readdirSync(folder).filter((file) => file.endsWith(".partial") || file.includes(".old."))).toEqual(
            [],
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  it("writes the very bytes of the reference writer", async () => {
    const golden = path.resolve(import.meta.dirname, "../../../test/fixtures/checkpoint/all-types.safetensors")
    const entries = [...readHeader(golden).tensors].map(([name, location]) => ({
      ...location,
      name,
      data: () => readTensor(location),
    }))
    const file = path.join(folder, "again.safetensors")
    await writeTensorFile(file, entries.reverse())
    expect(fs.readFileSync(file).equals(fs.readFileSync(golden))).toBe(true)
  })
})

describe("sharding", () => {
  const sized = (name: string, length: number) => ({ name, dtype: "uint8" as const, shape: [length] })
  const packed = (max: number, ...lengths: number[]) =>
    planShards(
      lengths.map((length, i) => sized(`t${i}`, length)),
      max,
    ).map((shard) => shard.map(({ shape }) => shape[0]))

  it("packs as transformers does: in order, larger tensors alone", () => {
    expect(packed(10, 4, 4, 4)).toEqual([[4, 4], [4]])
    expect(packed(10, 12, 3, 3)).toEqual([[12], [3, 3]])
    expect(packed(10, 3, 12, 3)).toEqual([[12], [3, 3]])
    expect(packed(10)).toEqual([[]])
  })

  it("names the files and the total size", async () => {
    await writeTensors(folder, [fill("b", 10, 1), fill("a", 10, 2)], { maxShardBytes: 10 })
    expect(fs.readdirSync(folder).sort()).toEqual([
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ])
    expect(JSON.parse(fs.readFileSync(path.join(folder, "model.safetensors.index.json"), "utf8"))).toEqual({
      metadata: { total_size: 20 },
      weight_map: { a: "model-00002-of-00002.safetensors", b: "model-00001-of-00002.safetensors" },
    })
  })

  it("reports progress in bytes up to the total", async () => {
    const seen: number[][] = []
    const onProgress = (written: number, total: number) => void seen.push([written, total])
    await writeTensors(folder, [fill("b", 10, 1), fill("a", 20, 2)], { maxShardBytes: 10, onProgress })
    expect(seen.map(([written]) => written)).toEqual([...seen.map(([written]) => written)].sort((a, b) => a - b))
    expect(seen.at(-1)).toEqual([30, 30])
  })
})

function fill(name: string, length: number, value: number): TensorEntry {
  return { name, dtype: "uint8", shape: [length], data: () => new Uint8Array(length).fill(value) }
}

describe("replacing a checkpoint", () => {
  const version = (value: number) => ["a", "b", "c", "d"].map((name) => fill(name, 10, value))
  const valuesIn = (from: string) => new Set([...openTensors(from).values()].map((location) => readTensor(location)[0]))

  const shapes: [string, number, number][] = [
    ["single by single", 99, 99],
    ["single by shards", 99, 20],
    ["shards by single", 20, 99],
    ["shards by shards of the same names", 20, 20],
    ["shards by more shards", 20, 10],
    ["shards by fewer shards", 10, 20],
  ]
  it.each(shapes)("%s: stopped after any step, the old or the new one is whole", async (_, before, after) => {
    for (let stop = 0; ; stop++) {
      const place = path.join(folder, String(stop))
      await writeTensors(place, version(1), { maxShardBytes: before })
      const names = await stage(place, version(2), after)
      const steps = await commitSteps(place, names)
      if (stop > steps.length) break
      for (const step of steps.slice(0, stop)) await step()
      const seen = valuesIn(place)
      expect([...seen], `after ${stop} of ${steps.length} steps`).toHaveLength(1)
      if (stop === 0) expect(seen).toEqual(new Set([1]))
      if (stop === steps.length) expect(seen).toEqual(new Set([2]))
      // The next run mends whatever the stopped one left.
      await writeTensors(place, version(3), { maxShardBytes: after })
      expect(valuesIn(place)).toEqual(new Set([3]))
      expect(fs.readdirSync(place).filter((file) => file.includes(".old.") && file !== ".old")).toEqual([])
    }
  })

  /** Leaves finished partial files of the new version, as writeTensors has them before its commit. */
  async function stage(place: string, entries: TensorEntry[], maxShardBytes: number): Promise<string[]> {
    const elsewhere = fs.mkdtempSync(path.join(folder, "stage-"))
    await writeTensors(elsewhere, entries, { maxShardBytes })
    const files = fs.readdirSync(elsewhere)
    for (const file of files) fs.renameSync(path.join(elsewhere, file), partialName(path.join(place, file)))
    return files.filter((file) => file.endsWith(".safetensors")).sort()
  }

  it("a callback that fails or gives too few bytes leaves the old checkpoint", async () => {
    await writeTensors(folder, version(1))
    const failing = {
      ...fill("b", 10, 2),
      data: () => {
        throw new Error("stop")
      },
    }
    await expect(writeTensors(folder, [fill("a", 10, 2), failing])).rejects.toThrow("stop")
    await expect(writeTensors(folder, [{ ...fill("a", 10, 2), shape: [11] }])).rejects.toThrow(/gave 10 bytes, not 11/)
    await expect(writeTensors(folder, [fill("a", 10, 2), fill("a", 10, 2)])).rejects.toThrow(/written twice/)
    expect(fs.readdirSync(folder)).toEqual(["model.safetensors"])
    expect(valuesIn(folder)).toEqual(new Set([1]))
  })
})
