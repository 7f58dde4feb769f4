import { mkdtemp, readdir, readFile, rm, stat, truncate } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { UserError } from "../../../src/errors.js"
import { type EmojiData, prepareEmojiData, readEmojiRecords } from "./prepare.js"
import type { EmojiRecord } from "./records.js"

const OPTIONS = {
  concepts: 6,
  vendors: ["twemoji", "openmoji", "fluent-emoji-flat"],
  heldOutShare: 0.5,
  seed: 3,
} as const

let folder: string
let data: EmojiData
let train: EmojiRecord[]
let heldOutVendor: EmojiRecord[]
let heldOutPictures: EmojiRecord[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emoji-"))
  data = await prepareEmojiData(folder, OPTIONS)
  train = await readEmojiRecords(data.train)
  heldOutVendor = await readEmojiRecords(data.heldOutVendor)
  heldOutPictures = await readEmojiRecords(data.heldOutPictures)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const images = (records: EmojiRecord[]) => new Set(records.map((record) => record.image))

async function allFiles(): Promise<Map<string, string>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => /\.(png|json)$/.test(name)).sort()
  return new Map(
    await Promise.all(names.map(async (n) => [n, (await readFile(join(folder, n))).toString("base64")] as const)),
  )
}

describe("the prepared data", () => {
  test("no picture is in two sets, the held-out vendor is in one only, every concept is trained on", () => {
    expect(data.counts).toEqual({
      concepts: 6,
      pictures: { train: 9, heldOutVendor: 6, heldOutPictures: 3 },
      records: { train: 9 * 13, heldOutVendor: 18, heldOutPictures: 9 },
    })
    expect(images(train).size + images(heldOutVendor).size + images(heldOutPictures).size).toBe(18)
    expect(new Set([...images(train), ...images(heldOutVendor), ...images(heldOutPictures)]).size).toBe(18)
    expect(new Set(heldOutVendor.map((record) => record.vendor))).toEqual(new Set(["twemoji"]))
    expect(train.concat(heldOutPictures).some((record) => record.vendor === "twemoji")).toBe(false)
    expect(new Set(train.map((record) => record.concept))).toEqual(new Set(data.concepts))
    expect(data.licences.map(({ spdx }) => spdx)).toEqual(["CC-BY-4.0", "CC-BY-SA-4.0", "MIT"])
  })

  test("records are LLaVA conversations whose answers fit their questions", () => {
    expect(new Set(train.map((record) => record.id)).size).toBe(train.length)
    for (const record of [...train, ...heldOutVendor, ...heldOutPictures]) {
      const [question, answer] = record.conversations
      expect(question.value.startsWith("<image>\n")).toBe(true)
      expect(answer.value).toBe(record.answer)
      expect(record.answer).toContain(record.concept)
      if (record.task === "describe") continue
      expect(record.answer).toBe(record.concept)
      expect(record.concept).toBe(record.concept.toLowerCase())
      expect(record.options !== undefined).toBe(record.task === "choose")
    }
  })

  test("multiple choice names four concepts, and mixes in only others", () => {
    const concept = new Map(train.map((record) => [record.image, record.concept]))
    const choices = train.filter((record) => record.task === "choose")
    for (const record of choices) {
      expect(record.conversations[0].value).toBe(`<image>\n${record.options!.join("/")}?`)
      expect(new Set(record.options).size).toBe(4)
      expect(record.options).toContain(record.answer)
      expect(record.mix_with!.length).toBeGreaterThan(0)
      for (const image of record.mix_with!) expect(record.options).not.toContain(concept.get(image) ?? record.answer)
    }
    expect(new Set(choices.map((record) => record.options!.indexOf(record.answer)))).toEqual(new Set([0, 1, 2, 3]))
    expect(heldOutVendor.every((record) => record.mix_with === undefined)).toBe(true)
  })

  test("pictures are RGB squares on white, filled to 92 %", async () => {
    for (const image of images([...train, ...heldOutVendor])) {
      const { data: pixels, info } = await sharp(join(folder, image)).raw().toBuffer({ resolveWithObject: true })
      expect([info.width, info.height, info.channels]).toEqual([84, 84, 3])
      expect([...pixels.subarray(0, 84 * 3 * 3)].every((value) => value === 255)).toBe(true)
      const trimmed = await sharp(join(folder, image))
        .trim({ background: "white", threshold: 1 })
        .toBuffer({ resolveWithObject: true })
      expect(Math.max(trimmed.info.width, trimmed.info.height)).toBeGreaterThanOrEqual(75)
    }
  })

  test("prepared again, nothing is written; a damaged picture and missing files are made as they were", async () => {
    const before = await allFiles()
    const written = (await stat(data.train)).mtimeMs
    expect(await prepareEmojiData(folder, OPTIONS)).toEqual(data)
    expect((await stat(data.train)).mtimeMs).toBe(written)

    await truncate(join(folder, train[0].image), 100)
    await rm(join(folder, heldOutVendor[0].image))
    await rm(data.heldOutPictures)
    await rm(join(folder, "prepared.json"))
    expect(await prepareEmojiData(folder, OPTIONS)).toEqual(data)
    expect(await allFiles()).toEqual(before)
  })

  test("an interruption stops it, and the next run goes on from there", async () => {
    const other = join(folder, "interrupted")
    const stop = new AbortController()
    const seen: number[] = []
    await expect(
      prepareEmojiData(other, { ...OPTIONS, signal: stop.signal }, ({ done, total }) => {
        expect(total).toBe(18)
        seen.push(done)
        if (done === 6) stop.abort()
      }),
    ).rejects.toThrow(/abort/)
    expect(seen).toEqual([3, 6])
    const { counts } = await prepareEmojiData(other, OPTIONS)
    expect(counts).toEqual(data.counts)
    expect(await readFile(join(other, "train.json"))).toEqual(await readFile(data.train))
  })
})

test("impossible wishes are sentences", async () => {
  await expect(prepareEmojiData(folder, { vendors: ["noto"] })).rejects.toThrow(UserError)
  await expect(
    prepareEmojiData(join(folder, "many"), {
      vendors: ["twemoji", "fluent-emoji-flat"],
      groups: ["flags"],
      concepts: 50,
    }),
  ).rejects.toThrow(/only \d+ emoji concepts are usable, 50 were asked for/)
})
