/** Files much larger than what reading them may take. */

import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { fileWriter, ParquetWriter } from "hyparquet-writer"
import { afterAll, expect, it } from "vitest"
import { openDocuments } from "./documents.js"

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
