/** Small data files in the schema of each benchmark. */

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import type { Doc } from "../../src/eval/task/task.js"
import { scoringCases } from "../authors-scores/documents.js"
import { CODECS, olderParquet } from "./handmade-parquet.js"
import { type ColumnType, type ParquetColumn, writeParquet } from "./parquet-file.js"

const HOW_MANY = 8

/** A picture of one pixel. */
export const PNG: Uint8Array = Uint8Array.from(
  Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  ),
)

const struct = (path: string | null = "a.png") => ({ bytes: PNG, path })

/** Of each benchmark the columns with pictures, and what stands in them. */
const PICTURES: Readonly<Record<string, (doc: Doc) => Doc>> = {
  ...{ mmstar: image, mme: image, mmbench_en_dev: image, realworldqa: image, ai2d: image, chartqa: image },
  mmmu_val: numbered,
  mmmu_pro_standard: numbered,
  mmmu_pro_vision: image,
  seedbench: () => ({ image: [struct(), struct(null)] }),
  muirbench: () => ({ image_list: [struct(), struct()] }),
  detailcaps: () => ({ binary: PNG }),
}

function image(): Doc {
  return { image: struct() }
}

function numbered(): Doc {
  return Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`image_${i + 1}`, struct(null)]))
}

/** Documents of a benchmark, pictures among them. */
export const documentsFor = (task: string): Doc[] =>
  scoringCases(task, HOW_MANY).map(({ doc }) => ({ ...doc, ...PICTURES[task](doc) }))

export function columnsOf(docs: readonly Doc[]): Record<string, ParquetColumn> {
  const names = [...new Set(docs.flatMap((doc) => Object.keys(doc)))]
  return Object.fromEntries(
    names.map((name) => {
      const values = docs.map((doc) => doc[name] ?? null)
      const type = typeOf(values.find((value) => value !== null && !(Array.isArray(value) && value.length === 0)))
      return [
        name,
        { type, values: type === "int64" ? values.map((n) => (n === null ? null : BigInt(n as number))) : values },
      ]
    }),
  )
}

function typeOf(value: unknown): ColumnType {
  if (Array.isArray(value)) return `[${typeOf(value[0])}]` as ColumnType
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "double"
  if (value instanceof Uint8Array) return "binary"
  return typeof value === "object" && value !== null ? "image" : "string"
}

/** A file of one format and its name; `pictures/a.png` lies beside it. */
export type DataWriter = (folder: string, docs: readonly Doc[]) => string

const base64 = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64")
  if (Array.isArray(value)) return value.map(base64)
  if (typeof value !== "object" || value === null || !("bytes" in value)) return value
  const { bytes, path } = value as { bytes: Uint8Array; path: unknown }
  return path === null ? { bytes: base64(bytes), path } : "pictures/a.png"
}

const asText = (docs: readonly Doc[]): Doc[] =>
  docs.map((doc) => Object.fromEntries(Object.entries(doc).map(([name, value]) => [name, base64(value)])))

const quoted = (value: unknown): string => {
  const text = value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)
  return /[\t,;"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function delimited(separator: string, ending: string): DataWriter {
  return (folder, docs) => {
    const names = [...new Set(docs.flatMap((doc) => Object.keys(doc)))]
    const inline = docs.map((doc) =>
      names.map((name) => quoted(Array.isArray(doc[name]) ? base64(doc[name]) : bare(doc[name]))),
    )
    return written(folder, `data.${ending}`, [names, ...inline].map((row) => row.join(separator)).join("\n"))
  }
}

const bare = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "bytes" in value
    ? base64((value as { bytes: unknown }).bytes)
    : base64(value)

function written(folder: string, name: string, bytes: string | Uint8Array): string {
  mkdirSync(join(folder, "pictures"), { recursive: true })
  writeFileSync(join(folder, "pictures", "a.png"), PNG)
  const file = join(folder, name)
  writeFileSync(file, bytes)
  return file
}

/** Every format that documents are read from. */
export const WRITERS: Readonly<Record<string, DataWriter>> = {
  parquet(folder, docs) {
    const file = written(folder, "data.parquet", "")
    writeParquet(file, columnsOf(docs), { codec: "SNAPPY", rowGroupSize: 3 })
    return file
  },
  "plain parquet"(folder, docs) {
    const file = written(folder, "data.parquet", "")
    writeParquet(file, columnsOf(docs), { codec: "UNCOMPRESSED", pageSize: 64 })
    return file
  },
  "older parquet": (folder, docs) =>
    written(folder, "data.parquet", olderParquet(columnsOf(docs), { rowsPerPage: 3, dictionary: true })),
  "packed parquet": (folder, docs) =>
    written(
      folder,
      "data.parquet",
      olderParquet(columnsOf(docs), { rowsPerPage: 5, pack: gzipSync, codec: CODECS.gzip }),
    ),
  jsonl: (folder, docs) =>
    written(
      folder,
      "data.jsonl",
      asText(docs)
        .map((doc) => JSON.stringify(doc))
        .join("\n"),
    ),
  json: (folder, docs) => written(folder, "data.json", JSON.stringify(asText(docs))),
  tsv: delimited("\t", "tsv"),
  csv: delimited(";", "csv"),
}
