/** Metadata by key, with the kind of value that is asked for: anything else is a sentence. */
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import type { GgufFile, GgufValue } from "./file.js"

/** Some writers store "none" as -1 in an unsigned field. */
const NO_TOKEN = 0xffff_ffff

export class Fields {
  constructor(readonly file: GgufFile) {}

  fail(key: string, reason: string): UserError {
    return new UserError(`metadata ${key} ${reason}`, { where: this.file.path })
  }

  /** A number; a list that says the same number for every layer is that number. */
  optionalNumber(key: string): number | undefined {
    const value = this.file.metadata.get(key)
    if (value === undefined) return undefined
    const numbers = isList(value) ? Array.from(value as ArrayLike<GgufValue>, Number) : [Number(value)]
    const isNumber = isList(value) || typeof value === "number" || typeof value === "bigint"
    if (!isNumber || numbers.length === 0 || !numbers.every(Number.isFinite))
      throw this.fail(key, `is ${shownValue(value)}, not a number`)
    if (numbers.some((number) => number !== numbers[0]))
      throw this.fail(key, "differs from layer to layer, which is not supported")
    return shortest(numbers[0])
  }

  number(key: string): number {
    const value = this.optionalNumber(key)
    if (value === undefined) throw this.fail(key, "is missing")
    return value
  }

  /** A whole number from 1 on, as far as those of 32 bits. */
  size(key: string): number {
    const value = this.number(key)
    if (!Number.isInteger(value) || value < 1 || value > 0xffff_ffff) throw this.fail(key, `is ${value}, not a size`)
    return value
  }

  boolean(key: string): boolean | undefined {
    const value = this.file.metadata.get(key)
    if (value === undefined || typeof value === "boolean") return value
    throw this.fail(key, `is ${shownValue(value)}, neither true nor false`)
  }

  text(key: string): string | undefined {
    const value = this.file.metadata.get(key)
    if (value === undefined || typeof value === "string") return value
    throw this.fail(key, `is ${shownValue(value)}, not a text`)
  }

  texts(key: string): string[] | undefined {
    const value = this.file.metadata.get(key)
    if (value === undefined) return undefined
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value as string[]
    throw this.fail(key, `is ${shownValue(value)}, not a list of texts`)
  }

  numbers(key: string): ArrayLike<number> | undefined {
    const value = this.file.metadata.get(key)
    if (value === undefined) return undefined
    if (ArrayBuffer.isView(value) && !(value instanceof BigInt64Array) && !(value instanceof BigUint64Array))
      return value
    throw this.fail(key, `is ${shownValue(value)}, not a list of numbers`)
  }

  /** The id of a token under `tokenizer.ggml.`, below `size`. */
  token(name: string, size: number): number | undefined {
    const key = `tokenizer.ggml.${name}_token_id`
    const id = this.optionalNumber(key)
    if (id === undefined || id === -1 || id === NO_TOKEN) return undefined
    if (!Number.isInteger(id) || id < 0 || id >= size) throw this.fail(key, `is ${id}; there are ${size} tokens`)
    return id
  }
}

const isList = (value: GgufValue): boolean => Array.isArray(value) || ArrayBuffer.isView(value)

const shownValue = (value: GgufValue): string =>
  isList(value)
    ? `a list of ${(value as ArrayLike<unknown>).length}`
    : typeof value === "bigint"
      ? `${value}`
      : shown(value)

/** The shortest decimal of a float32: 1e-5 rather than 0.000009999999747378752. The same number in float32. */
function shortest(value: number): number {
  if (Number.isInteger(value) || Math.fround(value) !== value) return value
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits))
    if (Math.fround(rounded) === value) return rounded
  }
  return value
}
