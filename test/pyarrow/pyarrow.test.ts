/**
 * Values of Parquet files as pyarrow, pandas, polars and datasets write them, against what pyarrow reads: where DIFFUSIONVL_PYTHON
 * names a Python that has pyarrow (and any of the others).
 */

import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, vi } from "vitest"
import { openDocuments } from "../../src/eval/documents/documents.js"
import { needs } from "../support/needs.js"

const folder = mkdtempSync(join(tmpdir(), "pyarrow-"))
afterAll(() => rmSync(folder, { recursive: true }))

vi.setConfig({ testTimeout: 120_000 })

const PYTHON = process.env.DIFFUSIONVL_PYTHON
const found = PYTHON !== undefined && spawnSync(PYTHON, ["-c", "import pyarrow.parquet"]).status === 0
const withPyarrow = needs(found, "pyarrow in the Python that DIFFUSIONVL_PYTHON names")

type Values = Record<string, unknown[]>

function written(): Record<string, Values> {
  const { stdout, stderr, status } = spawnSync(PYTHON!, [join(import.meta.dirname, "write.py"), folder], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  })
  if (status !== 0) throw new Error(stderr.slice(-3000))
  return JSON.parse(stdout)
}

/** As the script writes it. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
}

withPyarrow.it("values equal those that pyarrow reads, in the order of the file and out of it", async () => {
  for (const [name, columns] of Object.entries(written())) {
    const documents = await openDocuments(join(folder, name))
    expect(documents.columns, name).toEqual(Object.keys(columns))
    const rowOf = (index: number) =>
      Object.fromEntries(Object.entries(columns).map(([key, values]) => [key, values[index]]))
    for await (const { index, doc } of documents.rows({ pictures: [] }))
      expect(plain(doc), `${name}, row ${index}`).toEqual(rowOf(index))
    for (let i = 0; i < documents.count; i++) {
      const index = (i * 37) % documents.count
      expect(plain(await documents.read(index, { pictures: [] })), `${name}, row ${index}`).toEqual(rowOf(index))
    }
    documents.close()
  }
})
