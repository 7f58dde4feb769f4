import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { UserError } from "../../errors.js"
import type { Doc } from "../task/task.js"
import { RowScanner, splitFields } from "./delimited/scanner.js"
import { openDocuments } from "./documents.js"
import { isStoredPicture } from "./pictures.js"

const folder = mkdtempSync(join(tmpdir(), "documents-"))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
function fileOf(ending: string, text: string | Uint8Array): string {
  const file = join(folder, `${files++}.${ending}`)
  writeFileSync(file, text)
  return file
}
async function docsOf(file: string, options?: Parameters<typeof openDocuments>[1]): Promise<Doc[]> {
  const documents = await openDocuments(file, options)
  const docs: Doc[] = []
  for await (const { index, doc } of documents.rows()) {
    expect(await documents.read(index)).toEqual(doc)
    docs.push(doc)
  }
  documents.close()
  return docs
}

/** A picture of one pixel. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
)
const stored = (path: string | null) => ({ bytes: new Uint8Array(PNG), path })

describe("TSV", () => {
  it("has quoted fields with separators, quotes and line breaks, empty ones and pictures", async () => {
    const text = `\ufeffindex\timage\tquestion\thint\r\n7\t${PNG.toString("base64")}\t"a ""quoted""\tone\nline"\t\r\n\r\n8\t7\tplain "word"\t""\r\n`
    expect(await docsOf(fileOf("tsv", text))).toEqual([
      { index: "7", image: stored(null), question: 'a "quoted"\tone\nline', hint: null },
      // MMBench's file names the row that has the picture.
      { index: "8", image: stored(null), question: 'plain "word"', hint: null },
    ])
  })

  it("comes back as it was written", () => {
    const cell = fc.string({ unit: fc.constantFrom('"', "\t", "\n", "\r", "a", "é") })
    const quoted = (field: string) => (/["\t\n\r]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)
    const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(rows, fc.constantFrom("\n", "\r\n"), fc.integer({ min: 1, max: 9 }), (rows, end, size) => {
        const bytes = Buffer.from(rows.map((row) => row.map(quoted).join("\t")).join(end))
        const scanner = new RowScanner(9)
        for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, at + size))
        expect(scanner.end()).toBeUndefined()
        const found: string[][] = []
        for (let i = 0; i < scanner.offsets.length; i += 2)
          found.push(splitFields(bytes.toString("utf8", scanner.offsets[i], scanner.offsets[i + 1]), "\t"))
        expect(found).toEqual(rows)
      }),
    )
  })

  it.each([
    ["", "the file is empty"],
    ["a\tb\n1\t2\t3\n", "the row has more fields, and the file 2 columns"],
    ["a\tb\n1\n", "the row has 1 fields, and the file 2 columns"],
    ['a\tb\n1\t"2\n', "a quote is never closed (from byte 6)"],
    ["a\ta\n", "two columns are called a"],
    [Buffer.from([0x61, 0x0a, 0x62, 0xff, 0x0a]), "the row is not UTF-8 (from byte 3)"],
    [Buffer.from([0xff, 0xfe, 0x61, 0]), "the file is UTF-16, not text in UTF-8"],
  ])("says what is wrong: %j", async (text, message) => {
    const file = fileOf("tsv", text)
    const error = await docsOf(file).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toBe(message)
    expect(error.where).toContain(file)
  })
})

describe("CSV", () => {
  it("has commas or semicolons", async () => {
    expect(await docsOf(fileOf("csv", 'a,b\n1,"x;y"\n'))).toEqual([{ a: "1", b: "x;y" }])
    expect(await docsOf(fileOf("csv", 'a;"b, c"\n1,5;"x;y"\n'))).toEqual([{ a: "1,5", "b, c": "x;y" }])
  })
})

describe("JSONL", () => {
  it("has pictures as paths, data URIs, base64, structs and lists", async () => {
    writeFileSync(join(folder, "cat.png"), PNG)
    const base64 = PNG.toString("base64")
    const images = ["cat.png", `data:image/png;base64,${base64}`, base64, { bytes: base64, path: "x.png" }]
    const file = fileOf("jsonl", images.map((image) => JSON.stringify({ image, other: "cat.png" })).join("\n"))
    const docs = await docsOf(file)
    expect(docs.map(({ image }) => image)).toEqual([stored("cat.png"), stored(null), stored(null), stored("x.png")])
    expect(docs.every(({ image }) => isStoredPicture(image))).toBe(true)
    expect(docs.map(({ other }) => other)).toEqual(images.map(() => "cat.png"))
    const list = fileOf("json", JSON.stringify([{ images: ["cat.png", "cat.png"] }, { images: [] }, { q: 1 }]))
    expect(await docsOf(list)).toEqual([{ images: [stored("cat.png"), stored("cat.png")] }, { images: [] }, { q: 1 }])
    // Which columns have pictures can be said, and where they are.
    const elsewhere = fileOf("jsonl", '{"image":"an id","photo":"cat.png"}')
    const [doc] = await docsOf(elsewhere, { pictures: ["photo"], imageRoot: folder })
    expect(doc).toEqual({ image: "an id", photo: stored("cat.png") })
  })

  it("knows its columns, and names the record and picture that cannot be read", async () => {
    await expect(docsOf(fileOf("jsonl", '{"q":"a"}\n5\n'))).rejects.toThrow(/something else than a record .*line 2/)
    const two = fileOf("jsonl", '{"q":"a","image":"none.png"}\n{"q":"b","answer":2}\n')
    const documents = await openDocuments(two)
    expect(documents.columns).toEqual(["q", "image", "answer"])
    await expect(documents.read(0)).rejects.toMatchObject({
      message: expect.stringMatching(/^there is no such image .*none\.png/),
      where: `${two}, row 0, column image`,
    })
    expect(await documents.read(1)).toEqual({ q: "b", answer: 2 })
    documents.close()
    await expect(openDocuments(fileOf("txt", ""))).rejects.toThrow(/does not tell its format/)
  })

  it("opens no picture that nobody asks for", async () => {
    const file = fileOf("jsonl", '{"q":"a","image":"nowhere.png","struct":{"bytes":null,"path":"nowhere.png"}}')
    const documents = await openDocuments(file)
    const unopened = { q: "a", image: "nowhere.png", struct: { bytes: null, path: "nowhere.png" } }
    expect(await documents.read(0, { pictures: [] })).toEqual(unopened)
    expect(await documents.read(0, { columns: ["q"] })).toEqual({ q: "a" })
    for await (const { doc } of documents.rows({ columns: ["q"] })) expect(doc).toEqual({ q: "a" })
    for await (const { doc } of documents.rows({ pictures: [] })) expect(doc).toEqual(unopened)
    for (const pictures of [["image"], ["struct"]])
      await expect(documents.read(0, { pictures })).rejects.toThrow(/no such image/)
    documents.close()
  })

  it("a picture that is no file, but an address or a folder, is refused", async () => {
    for (const image of ["https://example.org/a.png", "."])
      await expect(docsOf(fileOf("jsonl", JSON.stringify({ image })))).rejects.toBeInstanceOf(UserError)
  })
})

describe("hostile text", () => {
  writeFileSync(join(folder, "cat.png"), PNG)
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`

  it.each<[string, string, string | Uint8Array, RegExp]>([
    ["nested a hundred thousand deep", "jsonl", `{"q":${deep}}`, /nested more than 64 levels deep/],
    ["a list in the place of a record", "json", "[[1, 2]]", /the record is a list, and not an object/],
    ["too early an end", "json", '[{"q":"a"}', /no closing bracket/],
    ["NUL bytes", "jsonl", Buffer.concat([Buffer.from('{"q":"a"}'), Buffer.alloc(5)]), /something else than a record/],
    ["UTF-16", "json", Buffer.from('\ufeff[{"q":1}]', "utf16le"), /UTF-16/],
    [
      "bytes that are no UTF-8",
      "jsonl",
      Buffer.from([...Buffer.from('{"q":"'), 0xe9, ...Buffer.from('"}')]),
      /not UTF-8/,
    ],
    ["gzip under another name", "csv", Buffer.from([0x1f, 0x8b, 8, 0]), /the file is gzip/],
    ["ten thousand columns", "csv", Array.from({ length: 10_000 }, (_, i) => `c${i}`).join(), /more than 4096 columns/],
    [
      "a row of seventy megabytes",
      "tsv",
      `q\n${"x".repeat(70 << 20)}\n`,
      /the row has 70 MiB, more than the 64 allowed/,
    ],
    [
      "a quote that is closed seventy megabytes on",
      "tsv",
      `q\n"${"x".repeat(70 << 20)}"\n`,
      /look for a quote|more than the 64/,
    ],
    ["a picture list that is a list of lists", "jsonl", '{"image":[["nowhere.png"]]}', /no such image/],
    ["base64 that is none", "jsonl", '{"image":"data:image/png;base64,!!!!"}', /the picture is no base64/],
    [
      "base64 of what is no picture",
      "jsonl",
      JSON.stringify({ image: Buffer.from("no picture").toString("base64") }),
      /^there is no such image, and this is no picture in base64 either \(/,
    ],
    [
      "a picture a thousand and one times",
      "jsonl",
      JSON.stringify({ image: Array(1001).fill("cat.png") }),
      /more than 1000 pictures/,
    ],
    ["an address of a picture", "jsonl", '{"image":"https://example.org/a.png"}', /URL/],
  ])("%s ends in a sentence", async (_, ending, bytes, message) => {
    const file = fileOf(ending, bytes)
    const error = await docsOf(file).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
    expect(error.where).toContain(file)
  })

  it("a key __proto__ is a column like any other", async () => {
    const [doc] = await docsOf(fileOf("jsonl", '{"__proto__":{"polluted":1},"q":"a"}'))
    expect(Object.keys(doc)).toEqual(["__proto__", "q"])
    expect(Object.getPrototypeOf(doc)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it("base64 may have spaces and line ends, and a picture's beginning with what is none takes no time", async () => {
    const spaced = PNG.toString("base64").replaceAll(/.{20}/g, "$& \n")
    expect(await docsOf(fileOf("jsonl", JSON.stringify({ image: spaced })))).toEqual([{ image: stored(null) }])
    const odd = `iVBORw0KGgo${"A".repeat(100)}${"\n".repeat(200_000)}!`
    await expect(docsOf(fileOf("jsonl", JSON.stringify({ image: odd })))).rejects.toBeInstanceOf(UserError)
  })

  it("pictures outside of a folder of other people's data stay closed", async () => {
    writeFileSync(join(folder, "secret.png"), PNG)
    const dataset = join(folder, "others")
    mkdirSync(dataset)
    symlinkSync(join(folder, "secret.png"), join(dataset, "link.png"))
    const images = ["../secret.png", join(folder, "secret.png"), "link.png", "a/../../secret.png", "file:///etc/passwd"]
    writeFileSync(join(dataset, "test.jsonl"), images.map((image) => JSON.stringify({ image })).join("\n"))
    const documents = await openDocuments(dataset)
    for (const i of images.keys())
      await expect(documents.read(i)).rejects.toMatchObject({
        message: expect.stringMatching(/outside of the data's folder|URL/),
        where: expect.stringContaining(`test.jsonl, row ${i}, column image`),
      })
    documents.close()
  })

  it.each([
    ["gz", /is packed/],
    ["arrow", /ARROW are not read/],
    ["txt", /does not tell its format/],
  ])("a file .%s is none that is read", async (ending, message) => {
    await expect(openDocuments(fileOf(ending, ""))).rejects.toThrow(message)
  })

  it("a pipe is no file: nobody waits for its writer", async () => {
    for (const ending of ["parquet", "tsv", "jsonl"]) {
      const pipe = join(folder, `pipe.${ending}`)
      execFileSync("mkfifo", [pipe])
      await expect(openDocuments(pipe)).rejects.toBeInstanceOf(UserError)
    }
  })
})
