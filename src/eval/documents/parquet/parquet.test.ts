import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { writeParquet } from "../../../../test/support/parquet-file.js"
import { UserError } from "../../../errors.js"
import type { Doc } from "../../task/task.js"
import { type Documents, openDocuments, type RowRange } from "../documents.js"

const folder = mkdtempSync(join(tmpdir(), "documents-"))
afterAll(() => rmSync(folder, { recursive: true }))

const png = (n: number): Uint8Array => Uint8Array.from([0x89, 0x50, 0x4e, 0x47, n])
const all = async (documents: Documents, range?: RowRange): Promise<Doc[]> => {
  const docs: Doc[] = []
  for await (const { index, doc } of documents.rows(range)) {
    expect(index).toBe((range?.from ?? 0) + docs.length)
    docs.push(doc)
  }
  return docs
}
const failure = async (work: Promise<unknown>): Promise<UserError> => {
  const error: unknown = await work.catch((error) => error)
  expect(error).toBeInstanceOf(UserError)
  return error as UserError
}

describe("Parquet", () => {
  const file = join(folder, "all.parquet")
  const rows = [
    {
      text: "\ufeffdéjà vu",
      number: 3,
      big: "9007199254740993",
      image: { bytes: png(1), path: "a.png" },
      images: [
        { bytes: png(2), path: "b.png" },
        { bytes: png(3), path: null },
      ],
      options: ["a", "b"],
      raw: png(4),
    },
    { text: null, number: null, big: -5, image: null, images: [], options: null, raw: null },
  ]
  const values = (name: keyof (typeof rows)[0]) => rows.map((row) => row[name])
  const bigs = values("big").map((value) => BigInt(value as string))
  for (const [codec, name] of [
    ["SNAPPY", file],
    ["UNCOMPRESSED", join(folder, "plain.parquet")],
  ] as const)
    writeParquet(
      name,
      {
        text: { type: "string", values: values("text") },
        number: {
          type: "int64",
          values: values("number").map((value) => (value === null ? null : BigInt(value as number))),
        },
        big: { type: "int64", values: bigs },
        image: { type: "image", values: values("image") },
        images: { type: "[image]", values: values("images") },
        options: { type: "[string]", values: values("options") },
        raw: { type: "binary", values: values("raw") },
      },
      { codec, rowGroupSize: 1 },
    )

  it.each([file, join(folder, "plain.parquet")])(
    "gives every kind of column as JSON has it, bytes apart: %s",
    async (file) => {
      const documents = await openDocuments(file)
      expect(documents.count).toBe(2)
      expect(documents.columns).toEqual(Object.keys(rows[0]))
      expect(await all(documents)).toEqual(rows)
      expect(await documents.read(1)).toEqual(rows[1])
      expect(await documents.read(0)).toEqual(rows[0])
      expect(await all(documents, { columns: ["options", "number"], from: 1 })).toEqual([
        { options: null, number: null },
      ])
      expect(await all(documents, { columns: ["big"], to: 1 })).toEqual([{ big: rows[0].big }])
      documents.close()
    },
  )

  it("reads several files as one, in the order of their names", async () => {
    const dataset = join(folder, "sharded")
    mkdirSync(join(dataset, "data"), { recursive: true })
    const shard = (i: number, of = 3) => join(dataset, "data", `test-0000${i}-of-0000${of}.parquet`)
    for (const i of [2, 0, 1])
      writeParquet(shard(i), { n: { type: "double", values: [2 * i, 2 * i + 1] } }, { rowGroupSize: 1 })
    writeParquet(join(dataset, "data", "train-00000-of-00001.parquet"), { n: { type: "double", values: [9] } })
    const documents = await openDocuments(dataset, { split: { split: "test" } })
    expect(await all(documents)).toEqual([0, 1, 2, 3, 4, 5].map((n) => ({ n })))
    expect(await all(documents, { from: 1, to: 4 })).toEqual([1, 2, 3].map((n) => ({ n })))
    expect(await documents.read(4)).toEqual({ n: 4 })
    expect(documents.where(3)).toBe(`${shard(1)}, row 1`)
    await expect(documents.read(6)).rejects.toThrow(RangeError)
    documents.close()
    rmSync(shard(1))
    const error = await failure(openDocuments(dataset, { split: { split: "test" } }))
    expect(error.message).toBe("data/test-00001-of-00003.parquet is missing: it is one of 3 files")
    // A file with other columns.
    writeParquet(shard(1), { m: { type: "double", values: [1] } })
    expect(await failure(openDocuments(dataset, { split: { split: "test" } }))).toMatchObject({
      message: "there is no column n",
      where: shard(1),
    })
  })

  it("reads shards by the names of their columns, not by their order", async () => {
    const dataset = join(folder, "orders")
    mkdirSync(dataset)
    const [a, b] = [
      (n: number) => ({ a: { type: "double" as const, values: [n] } }),
      (t: string) => ({ b: { type: "string" as const, values: [t] } }),
    ]
    writeParquet(join(dataset, "train-00000-of-00002.parquet"), { ...a(1), ...b("x") })
    writeParquet(join(dataset, "train-00001-of-00002.parquet"), {
      ...b("y"),
      ...a(2),
      more: { type: "double", values: [3] },
    })
    const documents = await openDocuments(dataset, { split: { split: "train" } })
    expect(await all(documents, { columns: ["a", "b"] })).toEqual([
      { a: 1, b: "x" },
      { a: 2, b: "y" },
    ])
    expect(await documents.read(1)).toEqual({ a: 2, b: "y", more: 3 })
    // What only a later file has.
    expect(await all(documents, { columns: ["b", "more"] })).toEqual([{ b: "x" }, { b: "y", more: 3 }])
    expect(await documents.read(0, { columns: ["b", "more"] })).toEqual({ b: "x" })
    await expect(documents.read(0, { columns: ["b", "less"] })).rejects.toThrow("there is no column less")
    documents.close()
  })

  it("names what is wrong with a file", async () => {
    const broken = join(folder, "broken.parquet")
    const errorOf = async () => {
      const { message, where } = await failure(openDocuments(broken))
      expect(where).toContain(broken)
      return message
    }
    writeFileSync(broken, "")
    expect(await errorOf()).toBe("the file is no Parquet: it has 0 bytes")
    writeFileSync(broken, "version https://git-lfs.github.com/spec/v1\n")
    expect(await errorOf()).toMatch(/pointer of git-lfs/)
    writeFileSync(broken, "PAR1 and nothing else")
    expect(await errorOf()).toMatch(/cut off/)
    const half = (n: number) => Buffer.from([...Buffer.alloc(20, n), 20, 0, 0, 0])
    writeFileSync(broken, Buffer.concat([Buffer.from("PAR1"), half(255), Buffer.from("PAR1")]))
    expect(await errorOf()).toMatch(/description at the end .* is damaged/)
    writeParquet(broken, { n: { type: "double", values: [1] } })
    truncateSync(broken, 100)
    expect(await errorOf()).toMatch(/cut off/)
    await expect(openDocuments(join(folder, "nowhere"))).rejects.toThrow(/no such file/)
    await expect(openDocuments(folder)).rejects.toThrow(/several files/)
  })

  it("names file, rows and column of pages that are damaged or packed in an unknown way", async () => {
    const damaged = join(folder, "damaged.parquet")
    const write = () =>
      writeParquet(damaged, {
        n: { type: "double", values: [1, 2, 3] },
        t: { type: "string", values: ["one".repeat(50), "two".repeat(50), "three"] },
      })
    write()
    const bytes = readFileSync(damaged)
    // The header of the first page.
    bytes.fill(0xff, 4, 12)
    writeFileSync(damaged, bytes)
    const documents = await openDocuments(damaged)
    const error = await failure(all(documents))
    expect(error.where).toBe(`${damaged}, row 0`)
    expect(error.message).toMatch(/^the column [nt] cannot be read/)
    await expect(documents.read(0)).rejects.toThrow(UserError)
    documents.close()
    writeParquet(damaged, { n: { type: "string", values: ["x"] } }, {
      codec: "LZO",
      compressors: { LZO: (input: Uint8Array) => input },
    } as object)
    const unknown = await openDocuments(damaged)
    expect(await failure(unknown.read(0))).toMatchObject({
      message: "the column n is packed in a way that is not known here (LZO)",
    })
    unknown.close()
    const sound = await openDocuments(file)
    await expect(all(sound, { columns: ["text", "picture"] })).rejects.toThrow("there is no column picture")
    sound.close()
  })

  it("reads pictures that are named from its own folder only", async () => {
    const dataset = join(folder, "paths")
    mkdirSync(join(dataset, "pictures"), { recursive: true })
    writeFileSync(join(dataset, "pictures", "a.png"), png(7))
    writeFileSync(join(folder, "secret.png"), png(8))
    symlinkSync(join(folder, "secret.png"), join(dataset, "pictures", "link.png"))
    const paths = ["pictures/a.png", "../secret.png", "pictures/link.png", join(folder, "secret.png"), "pictures/b.png"]
    writeParquet(join(dataset, "test.parquet"), {
      image: { type: "image", values: paths.map((path) => ({ bytes: null, path })) },
    })
    const documents = await openDocuments(dataset, { split: { split: "test" } })
    expect(await documents.read(0)).toEqual({ image: { bytes: png(7), path: "pictures/a.png" } })
    for (const i of [1, 2, 3]) {
      const { message, where } = await failure(documents.read(i))
      expect(message).toMatch(/lies outside of the data's folder/)
      expect(where).toBe(`${join(dataset, "test.parquet")}, row ${i}, column image`)
    }
    expect((await failure(documents.read(4))).message).toMatch(/there is no such image .*b\.png/)
    documents.close()
  })

  it("tells contents apart, not places", async () => {
    const copy = join(folder, "copy", "of.parquet")
    mkdirSync(join(folder, "copy"))
    const write = (name: string, n: number) => writeParquet(name, { n: { type: "double", values: [n] } })
    const fingerprint = async (name: string) => {
      const documents = await openDocuments(name)
      documents.close()
      return documents.fingerprint
    }
    write(join(folder, "one.parquet"), 1)
    write(copy, 1)
    const one = await fingerprint(join(folder, "one.parquet"))
    expect(await fingerprint(copy)).toBe(one)
    write(copy, 2)
    expect(await fingerprint(copy)).not.toBe(one)
  })
})
