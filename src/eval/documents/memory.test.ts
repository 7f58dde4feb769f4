/** Files much larger than what reading them may take. */

import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { fileWriter, ParquetWriter } from "hyparquet-writer"
import { afterAll, expect, it } from "vitest"
import { openDocuments } from "./documents.js"
import { PageCache } from "./parquet/pages/page-cache.js"

const folder = mkdtempSync(join(tmpdir(), "documents-"))
afterAll(() => rmSync(folder, { recursive: true }))

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const MIB = 2 ** 20
const ROWS = 512
const PICTURE = MIB / 2

/** Pictures of half a MiB, 256 MiB of them. */
async function write(file: string, rowsOfGroup: number, offsetIndex: boolean): Promise<void> {
  const writer = new ParquetWriter({
    writer: fileWriter(file),
    schema: [
      { name: "root", num_children: 2 },
      { name: "binary", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
      { name: "n", type: "DOUBLE", repetition_type: "OPTIONAL" },
    ],
    codec: "UNCOMPRESSED",
    statistics: false,
  })
  for (let row = 0; row < ROWS; row += rowsOfGroup) {
    const rows = Array.from({ length: rowsOfGroup }, (_, i) => row + i)
    writer.write({
      columnData: [
        { name: "binary", data: rows.map((n) => new Uint8Array(PICTURE).fill(n)), encoding: "PLAIN", offsetIndex },
        { name: "n", data: rows },
      ],
    })
  }
  await writer.finish()
}

it.each([
  ["in many row groups", 16, false],
  ["in one row group, by the index of its pages", ROWS, true],
  ["in one row group, by the headers of its pages", ROWS, false],
])("a file of 256 MiB %s is read within 200 MiB", async (_, rowsOfGroup, offsetIndex) => {
  const file = join(folder, `${rowsOfGroup}-${offsetIndex}.parquet`)
  await write(file, rowsOfGroup, offsetIndex)
  expect(statSync(file).size).toBeGreaterThan(256 * MIB)
  const documents = await openDocuments(file)
  // Least so far: what writing left behind goes in its own time.
  let least = Number.POSITIVE_INFINITY
  let [most, rows] = [0, 0]
  for await (const { index, doc } of documents.rows()) {
    const { binary, n } = doc as { binary: Uint8Array; n: number }
    expect([n, binary.length, binary[rows]]).toEqual([index, PICTURE, index % 256])
    if (rows++ % 16 === 0) collect()
    const now = process.memoryUsage().arrayBuffers
    least = Math.min(least, now)
    most = Math.max(most, now - least)
  }
  expect(rows).toBe(ROWS)
  expect(most).toBeLessThan(200 * MIB)
  expect((await documents.read(300)).n).toBe(300)
  documents.close()
})

it("documents that are open at the same time keep no more together than alone", async () => {
  const file = join(folder, "shared.parquet")
  await write(file, 16, false)
  const pages = new PageCache()
  collect()
  const before = process.memoryUsage().arrayBuffers
  const all = await Promise.all([1, 2, 3].map(() => openDocuments(file, {}, pages)))
  let rows = 0
  for (const documents of all) for await (const _ of documents.rows()) if (rows++ % 16 === 0) collect()
  collect()
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200 * MIB)
  // One that is closed takes nothing from the others.
  all[0].close()
  expect([(await all[1].read(511)).n, (await all[2].read(0)).n]).toEqual([511, 0])
  for (const documents of all.slice(1)) documents.close()
})
