/** Values of Parquet's types that JSON has no word for. */

import type { ParquetParsers } from "hyparquet"
import { damaged } from "../unreadable.js"

/** Without a byte order mark being taken off, as a TextDecoder does. */
const stringFromBytes = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")

/** ISO text of a time in parts of a second: milliseconds, and what is below them where there is any. */
function timeOf(value: bigint, perMillisecond: bigint): string | null {
  const below = ((value % perMillisecond) + perMillisecond) % perMillisecond
  const date = new Date(Number((value - below) / perMillisecond))
  if (Number.isNaN(date.getTime())) return null
  const digits = below === 0n ? "" : below.toString().padStart(perMillisecond.toString().length - 1, "0")
  return date.toISOString().replace("Z", `${digits.replace(/0+$/, "")}Z`)
}

/** Missing values stay missing. */
const timeParser = (perMillisecond: bigint) => (value: bigint | number | undefined) =>
  value === undefined || value === null ? undefined : timeOf(BigInt(value), perMillisecond)

/** What hyparquet calls with the values of such types. */
export const parsers = {
  stringFromBytes,
  timestampFromMilliseconds: timeParser(1n),
  timestampFromMicroseconds: timeParser(1000n),
  timestampFromNanoseconds: timeParser(1_000_000n),
  dateFromDays: (days: number | undefined) => {
    if (days === undefined || days === null) return undefined
    const date = new Date(days * 86_400_000)
    return Number.isNaN(date.getTime()) ? null : date.toISOString().slice(0, 10)
  },
  // Shapes stay the bytes that they are.
  geometryFromBytes: (bytes: Uint8Array | undefined) => bytes,
  geographyFromBytes: (bytes: Uint8Array | undefined) => bytes,
} as unknown as Partial<ParquetParsers>

/** ISO text of a time of day: "13:05:00", with what is below a second where there is any. */
export function timeOfDay(value: unknown, perSecond: bigint): unknown {
  if (value === undefined || value === null) return null
  const units = BigInt(value as bigint | number)
  const seconds = Number(units / perSecond)
  if (units < 0n || seconds >= 86_400) return null
  const text = new Date(seconds * 1000).toISOString().slice(11, 19)
  const below = (units % perSecond)
    .toString()
    .padStart(perSecond.toString().length - 1, "0")
    .replace(/0+$/, "")
  return below === "" ? text : `${text}.${below}`
}

/** Bytes; the spec's longest types have 32. */
const LONGEST_DECIMAL = 64
/** Digits that a number keeps. */
const EXACT_DIGITS = 15

/** A decimal as a number where numbers can hold its digits, else as text. */
export function decimalOf(value: unknown, scale: number): unknown {
  if (value === undefined || value === null) return null
  const unscaled = value instanceof Uint8Array ? signed(value) : BigInt(value as bigint | number)
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0")
  const whole = scale > 0 ? `${digits.slice(0, -scale)}.${digits.slice(-scale)}` : digits
  const text = `${unscaled < 0n ? "-" : ""}${whole}${scale < 0 ? "0".repeat(-scale) : ""}`
  return digits.replace(/^0+/, "").length <= EXACT_DIGITS && text.length < 40 ? Number(text) : text
}

/** A whole number of any size, the highest byte first. */
function signed(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  if (bytes.length > LONGEST_DECIMAL) throw damaged(`a decimal of ${bytes.length} bytes`)
  const number = BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`)
  return BigInt.asIntN(8 * bytes.length, number)
}
