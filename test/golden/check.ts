/** Comparisons of a golden case: quiet when they hold, a sentence with the first difference when not. */

import { createHash } from "node:crypto"
import type { Tensor } from "../../src/torch/index.js"

/** A result that is not the reference's. */
export class Mismatch extends Error {
  constructor(message: string) {
    super(message)
    this.name = "Mismatch"
  }
}

type Plain = string | number | boolean | null | undefined
type PlainList = ArrayLike<Plain>

const isList = (value: Plain | PlainList): value is PlainList => typeof value === "object" && value !== null
const shown = (value: Plain): string => (typeof value === "string" ? JSON.stringify(shorten(value)) : String(value))
const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}…` : text)

/** The same value, or the same values in the same order. */
export function expectEqual(actual: Plain | PlainList, expected: Plain | PlainList, what: string): void {
  if (!isList(actual) || !isList(expected)) {
    if (!Object.is(actual, expected))
      throw new Mismatch(
        `${what}: ${isList(actual) ? "a list" : shown(actual)}, not ${isList(expected) ? "a list" : shown(expected)}`,
      )
    return
  }
  const length = Math.min(actual.length, expected.length)
  for (let i = 0; i < length; i++) {
    if (actual[i] !== expected[i])
      throw new Mismatch(`${what}: [${i}] is ${shown(actual[i])}, not ${shown(expected[i])}`)
  }
  if (actual.length !== expected.length)
    throw new Mismatch(`${what}: ${actual.length} values, not ${expected.length}; the first ${length} are equal`)
}

/** |actual − expected| ≤ tolerance; NaN never is. */
export function expectNear(actual: number, expected: number, tolerance: number, what: string): void {
  if (!(Math.abs(actual - expected) <= tolerance))
    throw tooFar(what, Math.abs(actual - expected), tolerance, `${actual}, not ${expected}`)
}

/** Entry by entry, relative to the largest expected one. */
export function expectEntriesNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
  what: string,
): void {
  if (actual.length !== expected.length) throw new Mismatch(`${what}: ${actual.length} values, not ${expected.length}`)
  const scale = Array.from(expected).reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  for (let i = 0; i < expected.length; i++) expectNear(actual[i], expected[i], relative * scale, `${what}[${i}]`)
}

/** The same shape, and entries near relative to the largest expected one. */
export function expectTensorNear(actual: Tensor, expected: Tensor, relative: number, what: string): void {
  expectEqual(actual.shape, expected.shape, `${what}, shape`)
  if (expected.size === 0) return
  const difference = actual.sub(expected).abs().max().item()
  const scale = expected.abs().max().item()
  if (!(difference <= relative * scale))
    throw tooFar(what, difference, relative * scale, `largest value ${scale.toPrecision(4)}`)
}

function tooFar(what: string, difference: number, tolerance: number, detail: string): Mismatch {
  return new Mismatch(`${what}: off by ${difference.toPrecision(3)}, more than ${tolerance.toPrecision(3)} (${detail})`)
}

/** SHA-256 of an array's little-endian bytes. */
export function sha256(data: ArrayBufferView): string {
  return createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex")
}
