import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { JsonRecords } from "./json-array.js"
import { parseSample } from "./llava.js"
import { randomFrom } from "./prng.js"
import { drawPictures, modalityLengthEpoch, shuffledEpoch } from "./sampler.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-data-"))
let files = 0
const write = (text: string): string => {
  const path = join(folder, `data-${files++}.json`)
  writeFileSync(path, text)
  return path
}

describe("JsonRecords", () => {
  it("reads what JSON.parse reads, from arrays and from lines", () => {
    const record = fc.dictionary(fc.string(), fc.jsonValue())
    fc.assert(
      fc.property(fc.array(record, { maxLength: 6 }), fc.constantFrom(0, 1, 3), (list, indent) => {
        const records = new JsonRecords(write(JSON.stringify(list, null, indent)))
        const lines = new JsonRecords(write(list.map((r) => `${JSON.stringify(r)}\n`).join("")))
        for (const all of [records, lines])
          expect(Array.from({ length: all.length }, (_, i) => all.read(i))).toEqual(JSON.parse(JSON.stringify(list)))
      }),
      { numRuns: 60 },
    )
  })
  it("finds records across chunk borders and keeps its index", () => {
    const list = Array.from({ length: 40 }, (_, i) => ({ i, text: '\\"{['.repeat(15_000 + i) }))
    const path = write(JSON.stringify(list))
    const index = join(folder, "index")
    expect(new JsonRecords(path, index).length).toBe(40)
    const again = new JsonRecords(path, index)
    expect(again.read(37)).toEqual(list[37])
  })
  it("says where a file is malformed", () => {
    expect(() => new JsonRecords(write('[{"a": 1}, {"b": '))).toThrow(/ends in the middle/)
    expect(() => new JsonRecords(write("hello"))).toThrow(/not a JSON array/)
    expect(() => new JsonRecords(write('["a"]'))).toThrow(/byte 1/)
    expect(() => new JsonRecords(join(folder, "nothing"))).toThrow(/no such data file/)
    expect(() => new JsonRecords(write('[{"a": tru}]')).read(0)).toThrow(/not JSON/)
  })
})

describe("parseSample", () => {
  const turns = [
    { from: "human", value: "<image>\nWhat?" },
    { from: "gpt", value: "A cat." },
  ]
  it("names bad records", () => {
    const bad =
      (record: unknown): (() => unknown) =>
      () =>
        parseSample(record, "data.json, record 7", "/images")
    expect(bad({ conversations: turns })).not.toThrow()
    expect(bad({ image: "a.png" })).toThrow(/no "conversations"/)
    expect(bad({ image: ["a.png", "b.png"], conversations: turns })).toThrow(/1 <image> marks, the record 2/)
    expect(bad({ image: 3, conversations: turns })).toThrow(/neither a path/)
    expect(bad({ conversations: [{ from: "robot", value: "x" }] })).toThrow(/"robot"/)
    expect(bad({ conversations: [turns[0]] })).toThrow(/no answer/)
    expect(bad(null)).toThrow(/not an object/)
  })
  it("leaves the marks of a text-only record alone", () => {
    expect(parseSample({ conversations: turns }, "", "").messages[0].content).toBe("<image>\nWhat?")
    expect(parseSample({ image: "a.png", conversations: turns }, "", "/images").images).toEqual(["/images/a.png"])
  })
})

describe("samplers", () => {
  it("visit every sample once an epoch, differently each epoch, the same for one seed", () => {
    const a = shuffledEpoch(100, 1, 0)
    expect([...a].sort((x, y) => x - y)).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(shuffledEpoch(100, 1, 0)).toEqual(a)
    expect(shuffledEpoch(100, 1, 1)).not.toEqual(a)
  })
  it("modality batches do not mix, and are sorted by length", () => {
    const random = randomFrom(3)
    const lengths = Array.from({ length: 203 }, () => Math.ceil(random() * 50) * (random() < 0.3 ? -1 : 1))
    const order = modalityLengthEpoch(lengths, 8, 5, 0)
    expect(new Set(order).size).toBe(203)
    const whole =
      Math.floor(lengths.filter((n) => n > 0).length / 8) + Math.floor(lengths.filter((n) => n < 0).length / 8)
    for (let b = 0; b < whole; b++) {
      const batch = [...order.subarray(8 * b, 8 * b + 8)].map((i) => lengths[i])
      expect(new Set(batch.map(Math.sign)).size).toBe(1)
      expect(batch).toEqual([...batch].sort((x, y) => Math.abs(y) - Math.abs(x)))
    }
  })
  it("pictures draw their tasks by probability, at least one", () => {
    const pictures = Array.from(
      { length: 10 },
      (_, p) =>
        new Map([
          ["name", [3 * p]],
          ["choose", [3 * p + 1, 3 * p + 2]],
        ]),
    )
    const options: Parameters<typeof drawPictures>[1] = {
      batch: 500,
      step: 0,
      progress: 0.1,
      seed: 1,
      mixture: [
        { until: 0.4, tasks: { name: 1, choose: 0.25 } },
        { until: 1, tasks: { choose: 1 } },
      ],
    }
    const draws = drawPictures(pictures, options)
    expect(draws).toEqual(drawPictures(pictures, options))
    for (const { picture, records } of draws) expect(records[0]).toBe(3 * picture)
    const both = draws.filter(({ records }) => records.length === 2).length / 500
    expect(both).toBeGreaterThan(0.17)
    expect(both).toBeLessThan(0.33)
    for (const { records } of drawPictures(pictures, { ...options, progress: 0.5 })) expect(records[0] % 3).not.toBe(0)
  })
})
