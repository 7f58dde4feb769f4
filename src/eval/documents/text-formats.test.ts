import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
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

  it("a picture that is no file, but an address or a folder, is refused", async () => {
    for (const image of ["https://example.org/a.png", "."])
      await expect(docsOf(fileOf("jsonl", JSON.stringify({ image })))).rejects.toBeInstanceOf(UserError)
  })
})
