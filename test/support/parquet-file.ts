/** Parquet files as the hub has them, written by tests. */

import { writeFileSync } from "node:fs"
import type { CompressionCodec, KeyValue, SchemaElement } from "hyparquet"
import { parquetWriteBuffer } from "hyparquet-writer"

/** A column's type: "image" is the hub's struct of bytes and path; "[…]" a list. */
export type ColumnType = "string" | "int64" | "double" | "boolean" | "binary" | "image" | "[string]" | "[image]"

export interface ParquetColumn {
  type: ColumnType
  values: readonly unknown[]
}

const LEAVES = {
  string: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  binary: { type: "BYTE_ARRAY" },
  int64: { type: "INT64" },
  double: { type: "DOUBLE" },
  boolean: { type: "BOOLEAN" },
} as const

function elementsOf(name: string, type: ColumnType | keyof typeof LEAVES): SchemaElement[] {
  const optional = { name, repetition_type: "OPTIONAL" } as const
  if (type in LEAVES) return [{ ...optional, ...LEAVES[type as keyof typeof LEAVES] }]
  if (type === "image")
    return [{ ...optional, num_children: 2 }, ...elementsOf("bytes", "binary"), ...elementsOf("path", "string")]
  return [
    { ...optional, num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    ...elementsOf("element", type.slice(1, -1) as ColumnType),
  ]
}

/** What Python's datasets writes beside the columns, and knows pictures by. */
export function hubMetadata(columns: Readonly<Record<string, ParquetColumn>>): KeyValue[] {
  const feature = (type: string): object => {
    if (type.startsWith("[")) return { feature: feature(type.slice(1, -1)), _type: "Sequence" }
    return type === "image" ? { _type: "Image" } : { dtype: type === "double" ? "float64" : type, _type: "Value" }
  }
  const features = Object.fromEntries(Object.entries(columns).map(([name, { type }]) => [name, feature(type)]))
  return [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }]
}

/** Writes all columns, `rowGroupSize` rows to a group. */
export function writeParquet(
  file: string,
  columns: Readonly<Record<string, ParquetColumn>>,
  options: {
    rowGroupSize?: number
    codec?: CompressionCodec
    offsetIndex?: boolean
    pageSize?: number
    kvMetadata?: KeyValue[]
  } = {},
): void {
  const { offsetIndex = true, ...rest } = options
  const names = Object.keys(columns)
  const buffer = parquetWriteBuffer({
    columnData: names.map((name) => ({ name, data: [...columns[name].values], offsetIndex })),
    schema: [
      { name: "root", num_children: names.length },
      ...names.flatMap((name) => elementsOf(name, columns[name].type)),
    ],
    ...rest,
  })
  writeFileSync(file, new Uint8Array(buffer))
}
