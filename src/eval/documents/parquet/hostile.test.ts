/** Parquet files that nobody should write: each ends in a sentence, at once, and takes no memory for what it claims. */

import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { open } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { brotliCompressSync, gzipSync } from "node:zlib"
import { afterAll, describe, expect, it } from "vitest"
import {
  CODECS,
  dataPage,
  dictionaryPage,
  ENCODINGS,
  element,
  endOf,
  type HandmadeChunk,
  handmadeParquet,
  levels,
  run,
  sized,
  type Thrift,
  TYPES,
  thriftBytes,
  varint,
} from "../../../../test/support/handmade-parquet.js"
import { UserError } from "../../../errors.js"
import type { Doc } from "../../task/task.js"
import { openDocuments } from "../documents.js"

const folder = mkdtempSync(join(tmpdir(), "documents-"))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, "hostile.parquet")

async function docsOf(): Promise<Doc[]> {
  const documents = await openDocuments(file)
  try {
    const docs: Doc[] = []
    for await (const { doc } of documents.rows()) docs.push(doc)
    return docs
  } finally {
    documents.close()
  }
}

/** The sentence that it ends in. */
async function sentence(bytes: Uint8Array): Promise<string> {
  writeFileSync(file, bytes)
  const error: unknown = await docsOf().catch((error) => error)
  expect(error).toBeInstanceOf(UserError)
  const { message, where, fix } = error as UserError
  expect(where).toContain(file)
  expect(fix).toBeTruthy()
  return message
}

const ROWS = 8
const text = (): Thrift[] => [
  element("root", { field_3: 0, field_5: 1 }),
  element("t", { field_1: TYPES.binary, field_6: 0 }),
]
const there = levels(run(1, ROWS))
const words = Buffer.concat(Array.from({ length: ROWS }, (_, i) => sized(`word ${i}`)))
const sound = dataPage(Buffer.concat([there, words]), ROWS)

function fileOf(pages: HandmadeChunk["pages"], more: Partial<HandmadeChunk> & { rows?: number | bigint } = {}): Buffer {
  const { rows = ROWS, ...chunk } = more
  return handmadeParquet({
    schema: text(),
    groups: [{ rows, chunks: [{ path: ["t"], type: TYPES.binary, pages, values: ROWS, ...chunk }] }],
  })
}

it("a file that was put together like them, but soundly, is read", async () => {
  writeFileSync(file, fileOf([sound]))
  expect(await docsOf()).toEqual(Array.from({ length: ROWS }, (_, i) => ({ t: `word ${i}` })))
})

describe("pages", () => {
  const header = (more: Thrift): Thrift => ({ ...sound.header, ...more })
  const values = (count: number, more: Thrift = {}) =>
    header({ field_5: { field_1: count, field_2: 0, field_3: 3, field_4: 3, ...more } })

  it.each<[string, Thrift, RegExp]>([
    ["claims gigabytes", header({ field_2: 2 ** 31 - 1 }), /a page of 2048 MiB, more than the 512 that are read/],
    ["is of a negative size", header({ field_3: -5 }), /larger than its column/],
    ["is larger than its column", header({ field_3: 1 << 30 }), /larger than its column/],
    ["is larger packed than unpacked", header({ field_2: 1 }), /another size than it says/],
    ["claims a thousand million values", values(2 ** 30), /a page of 1073741824 values, more than/],
    ["claims fewer values than none", values(-1), /does not say how many values/],
    ["has other rows than the group", values(7), /it has 7 rows, and its row group 8/],
    [
      "has levels of an old kind",
      values(ROWS, { field_3: 4 }),
      /written in a way that is not known here \(BIT_PACKED\)/,
    ],
    ["has values of an unknown kind", values(ROWS, { field_2: 77 }), /written in a way that is not known here/],
    ["needs a dictionary that is not there", values(ROWS, { field_2: ENCODINGS.dictionary }), /dictionary is missing/],
    ["is of no kind", header({ field_1: 9 }), /it has 0 rows/],
  ])("one that %s", async (_, changed, message) => {
    expect(await sentence(fileOf([{ ...sound, header: changed }]))).toMatch(message)
  })

  const body = (...parts: Uint8Array[]) => Buffer.concat(parts)
  const indices = (bytes: Uint8Array) => dataPage(body(there, bytes), ROWS, { encoding: ENCODINGS.dictionary })
  const dictionary = dictionaryPage(body(sized("a"), sized("b")), 2)

  it.each<[string, HandmadeChunk["pages"], RegExp]>([
    ["of levels of 2³¹ values", [dataPage(body(levels(run(1, 2 ** 31 - 1)), words), ROWS)], /runs do not fit/],
    [
      "of levels beyond their end",
      [dataPage(body(levels(Buffer.from([...varint(2 * ROWS)])), words), ROWS)],
      /runs do not fit/,
    ],
    [
      "of packed levels, 2³¹ of them",
      [dataPage(body(levels(Buffer.from([...varint(2 ** 29 + 1), 255])), words), ROWS)],
      /runs do not fit/,
    ],
    ["of indices of 2³¹ values", [dictionary, indices(body(Buffer.from([1]), run(0, 2 ** 31 - 1)))], /runs do not fit/],
    [
      "of indices that no dictionary has",
      [dictionary, indices(body(Buffer.from([8]), run(2, ROWS)))],
      /names values that its dictionary/,
    ],
    [
      "of indices of 200 bits",
      [dictionary, indices(body(Buffer.from([200]), run(0, ROWS)))],
      /dictionary is larger than any/,
    ],
    ["of no bits", [dictionaryPage(Buffer.alloc(0), 0), indices(Buffer.from([0]))], /names values that its dictionary/],
  ])("runs %s", async (_, pages, message) => {
    expect(await sentence(fileOf(pages))).toMatch(message)
  })

  it.each<[string, number, Buffer]>([
    ["blocks of no size", ENCODINGS.deltaBytes, Buffer.from([0, 4, 8, 0])],
    ["blocks of a negative size", ENCODINGS.deltaBytes, Buffer.from([...varint(2 ** 32 - 128), 4, 8, 0])],
    ["blocks of no parts", ENCODINGS.deltaBytes, Buffer.from([128, 1, 0, 8, 0])],
    ["blocks of a million parts", ENCODINGS.deltaBytes, Buffer.from([128, 1, ...varint(2 ** 30), 8, 0])],
    // Each begins with all of the one before it, and the first with what there is not.
    [
      "texts that begin with nothing that there is",
      ENCODINGS.deltaBytes,
      Buffer.from([128, 1, 4, 8, 200, 1, 0, 0, 0, 0, 0, 128, 1, 4, 8, 0, 0, 0, 0, 0, 0]),
    ],
    ["fewer bytes than numbers", ENCODINGS.byteStream, Buffer.alloc(3)],
  ])("differences in %s", async (_, encoding, bytes) => {
    expect(await sentence(fileOf([dataPage(body(there, bytes), ROWS, { encoding })]))).toMatch(
      /^the column t cannot be read: the file is damaged/,
    )
  })

  it("texts that grow with each other are as large as they unpack to", async () => {
    // 40,000 texts, each a byte longer than the one before: 800 MB of 80 kB.
    const count = 40_000
    const deltas = (first: number, step: number) => {
      const blocks = Array.from({ length: Math.ceil((count - 1) / 128) }, () => [...varint(2 * step), 0, 0, 0, 0])
      return Buffer.from([128, 1, 4, ...varint(count), ...varint(2 * first), ...blocks.flat()])
    }
    const grown = Buffer.concat([levels(run(1, count)), deltas(0, 1), deltas(1, 0), Buffer.alloc(count, 97)])
    const page = dataPage(grown, count, { encoding: ENCODINGS.deltaBytes })
    expect(await sentence(fileOf([page], { rows: count, values: count }))).toMatch(/unpacks to more than 512 MiB/)
  })

  const zeros = (pack: (bytes: Buffer) => Uint8Array): HandmadeChunk["pages"] => [
    dataPage(pack(Buffer.alloc(4 << 20)), ROWS, { unpacked: 100_000 }),
  ]
  /** Runs of zeros, as zstd and Snappy have them. */
  const zstd = () => {
    const block = (last: number) =>
      [last | (1 << 1) | ((1 << 20) << 3)].flatMap((n) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, 0])
    return Buffer.from([
      0x28,
      0xb5,
      0x2f,
      0xfd,
      0,
      0x58,
      ...Array.from({ length: 50 }, () => block(0)).flat(),
      ...block(1),
    ])
  }
  const snappy = () =>
    Buffer.from([...varint(50 << 20), 0, 0, ...Array.from({ length: 20_000 }, () => [254, 1, 0]).flat()])

  it.each<[string, number, (bytes: Buffer) => Uint8Array]>([
    ["gzip", CODECS.gzip, gzipSync],
    ["brotli", CODECS.brotli, brotliCompressSync],
    ["zstd", CODECS.zstd, zstd],
    ["snappy", CODECS.snappy, snappy],
    ["snappy, with a length below 0", CODECS.snappy, () => Buffer.from([8, 252, 0xf0, 0xff, 0xff, 0xff, 1, 2, 3])],
    [
      "lz4_raw",
      CODECS.lz4raw,
      () => Buffer.concat([Buffer.from([31, 0, 1, 0]), Buffer.alloc(30_000, 255), Buffer.from([0])]),
    ],
  ])("unpacks no further than it says: %s", async (_, codec, pack) => {
    expect(await sentence(fileOf(zeros(pack), { codec }))).toMatch(/^the column t cannot be read: the file is damaged/)
  })
})

describe("the description", () => {
  const description = (more: Thrift, schema = text()): Buffer =>
    endOf([Buffer.from("PAR1")], thriftBytes({ field_1: 2, field_2: schema, field_3: 0n, field_4: [], ...more }))
  const struct = (depth: number): Thrift[] => [
    ...Array.from({ length: depth }, (_, i) => element(`s${i}`, { field_3: 0, field_5: 1 })),
    element("t", { field_1: TYPES.binary }),
  ]

  it.each<[string, () => Buffer, RegExp]>([
    ["of columns in columns", () => description({}, struct(2000)), /columns that are nested too deeply/],
    ["of columns that are nowhere", () => description({}, [element("root", { field_3: 0, field_5: 9 })]), /is damaged/],
    [
      "of more columns than it has",
      () => description({}, [...text(), element("u", { field_1: 1 })]),
      /columns that are nowhere/,
    ],
    [
      "of ten thousand columns",
      () =>
        description({}, [
          element("root", { field_5: 9999 }),
          ...Array.from({ length: 9999 }, (_, i) => element(`c${i}`, { field_1: 1 })),
        ]),
      /10000 columns, more than/,
    ],
    [
      "of a column twice",
      () => description({}, [element("root", { field_5: 2 }), ...text().slice(1), ...text().slice(1)]),
      /two columns that are called t/,
    ],
    [
      "of a column __proto__",
      () => description({}, [element("root", { field_5: 1 }), element("__proto__", { field_1: 1 })]),
      /a column that is called __proto__/,
    ],
    ["of rows that are not there", () => description({ field_3: 5n }), /says it has 5 rows, and has 0/],
    ["of rows below 0", () => fileOf([sound], { rows: -8n }), /speaks of -8 rows/],
    ["of 2⁴⁰ rows", () => fileOf([sound], { rows: 2n ** 40n }), /more than 16777216 rows/],
    [
      "of rows that nobody says how many they are",
      () => description({ field_4: [{ field_1: [{ field_2: 0n }], field_2: 0n }] }),
      /does not say how many rows/,
    ],
    [
      "of packing of no name",
      () => fileOf([sound], { codec: 99 }),
      /packed in a way that is not known here \(a new one\)/,
    ],
    ["of bytes behind the end", () => fileOf([sound], { meta: { field_7: 2n ** 40n } }), /bytes behind its end/],
    ["of bytes before the beginning", () => fileOf([sound], { meta: { field_9: -4n } }), /speaks of -4 bytes/],
    ["of other columns", () => fileOf([sound], { path: ["u"] }), /no data of the column t/],
    [
      "of packing that is not known",
      () => fileOf([sound], { codec: CODECS.lz4 }),
      /packed in a way that is not known here \(LZ4\)/,
    ],
  ])("%s", async (_, bytes, message) => {
    expect(await sentence(bytes())).toMatch(message)
  })

  it("of lists of lists that all claim to be long", async () => {
    // Thirty million places each, a thousand lists deep.
    const lists = Buffer.concat(Array.from({ length: 1000 }, () => Buffer.from([0xf9, ...varint(30_000_000)])))
    const footer = Buffer.concat([Buffer.from([0x19]), lists, Buffer.alloc(40_000)])
    expect(await sentence(endOf([Buffer.from("PAR1")], footer))).toMatch(/description at the end .* is damaged/)
  })

  it("of hundreds of megabytes, or more than the file", async () => {
    writeFileSync(file, "PAR1")
    truncateSync(file, 300 << 20)
    const handle = await open(file, "r+")
    const length = Buffer.alloc(4)
    length.writeUInt32LE(200 << 20)
    await handle.write(Buffer.concat([length, Buffer.from("PAR1")]), 0, 8, (300 << 20) - 8)
    await handle.close()
    await expect(docsOf()).rejects.toThrow(/description of the Parquet file has 200 MiB, more than the 64/)
    expect(
      await sentence(Buffer.from([...Buffer.from("PAR1"), 0, 0, 0, 0, 255, 255, 255, 127, ...Buffer.from("PAR1")])),
    ).toMatch(/its description would have 2147483647 bytes, and the file has 16/)
  })
})

it("a text that a row names a million times is too large a document", async () => {
  const long = "x".repeat(1000)
  const count = 200_000
  const list = [
    ...[element("root", { field_3: 0, field_5: 1 }), element("t", { field_5: 1, field_6: 3 })],
    ...[element("list", { field_3: 2, field_5: 1 }), element("element", { field_1: TYPES.binary, field_6: 0 })],
  ]
  const repetition = Buffer.concat([run(0, 1), run(1, count - 1)])
  const page = Buffer.concat([levels(repetition), levels(run(3, count)), Buffer.from([1]), run(0, count)])
  const pages = [dictionaryPage(sized(long), 1), dataPage(page, count, { encoding: ENCODINGS.dictionary })]
  const chunk = { path: ["t", "list", "element"], type: TYPES.binary, pages, values: count }
  expect(await sentence(handmadeParquet({ schema: list, groups: [{ rows: 1, chunks: [chunk] }] }))).toMatch(
    /the document holds more than 128 million characters/,
  )
})
