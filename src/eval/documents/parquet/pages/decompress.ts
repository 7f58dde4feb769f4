/** Pages unpacked, never into more bytes than their header says: that has been checked. */

import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { decompressLz4Raw, decompressZstd } from "hyparquet-compressors"
import { damaged, Unreadable } from "../unreadable.js"
import { unpackSnappy } from "./snappy.js"

type Unpack = (input: Uint8Array, size: number) => Uint8Array

const UNPACK: Readonly<Record<string, Unpack>> = {
  SNAPPY: unpackSnappy,
  GZIP: (input, size) => gunzipSync(input, { maxOutputLength: Math.max(size, 1) }),
  BROTLI: (input, size) => brotliDecompressSync(input, { maxOutputLength: Math.max(size, 1) }),
  // Writes no further than the buffer goes.
  ZSTD: (input, size) => decompressZstd(input, new Uint8Array(size)),
  LZ4_RAW: decompressLz4Raw,
}

/** @throws Unreadable when it is packed in an unknown way, or damaged */
export function decompress(codec: string | undefined, input: Uint8Array, size: number): Uint8Array {
  if (codec === "UNCOMPRESSED" && input.length === size) return input
  if (size === 0) return new Uint8Array(0)
  if (codec === "UNCOMPRESSED") throw damaged("a page has another size than it says")
  const unpack = codec === undefined ? undefined : UNPACK[codec]
  if (!unpack || codec === undefined)
    throw new Unreadable(
      `is packed in a way that is not known here (${codec ?? "a new one"})`,
      "write the file again with Snappy or zstd, for example with pyarrow",
    )
  let page: Uint8Array
  try {
    page = unpack(input, size)
  } catch {
    throw damaged(`a page is no ${codec.toLowerCase()}`)
  }
  if (page.length !== size) throw damaged("a page has another size than it says")
  return page
}
