/** JSON files of a model folder: read with limits, and every problem as a sentence. */
import fs from "node:fs"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import { readingFailure } from "../system-failures.js"

export type Json = Record<string, unknown>

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Configurations have a few kilobytes, tokenizers some ten megabytes; what is larger is no file of a model folder. */
const MAX_BYTES = 256 << 20

/**
 * The whole text of a file, which must be a regular one: reading a pipe or a device could wait for ever.
 * @throws UserError when it is none, is too large, cannot be read or is not UTF-8
 */
export function readTextFile(file: string): string {
  const size = regularFileSize(file)
  if (size > MAX_BYTES)
    throw new UserError(`the file has ${size} bytes; at most ${MAX_BYTES} are read`, { where: file })
  let bytes: Buffer
  try {
    bytes = fs.readFileSync(file)
  } catch (cause) {
    throw new UserError(`the file cannot be read (${readingFailure(cause)})`, { where: file, cause })
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new UserError("the file is not UTF-8", { where: file, fix: "save it as UTF-8, or download it again", cause })
  }
}

/**
 * Bytes of a file, without opening it.
 * @throws UserError when there is none, or it is a folder, a pipe or a device
 */
export function regularFileSize(file: string): number {
  let stats: fs.Stats
  try {
    stats = fs.statSync(file)
  } catch (cause) {
    throw new UserError(`the file cannot be read (${readingFailure(cause)})`, { where: file, cause })
  }
  if (stats.isFile()) return stats.size
  throw new UserError(`it is ${stats.isDirectory() ? "a folder" : "a pipe or a device"}, not a file`, { where: file })
}

/** @throws UserError that says where in the text the JSON ends to make sense */
function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UserError(`not a JSON file${problemIn(text, cause as Error)}`, {
      where,
      fix: "download it again, or mend it",
      cause,
    })
  }
}

/** What JavaScript's own message about a JSON text tells, in words and without quoting the text. */
export function problemIn(text: string, { message }: Error): string {
  if (text.trim() === "") return ": it is empty"
  const position = /position (\d+)/.exec(message)?.[1]
  if (position !== undefined) {
    const before = text.slice(0, Number(position)).split("\n")
    return `: line ${before.length}, column ${(before.at(-1) ?? "").length + 1} does not fit`
  }
  if (/end of JSON/.test(message)) return ": it ends too early"
  const token = /Unexpected token '?(.)/.exec(message)?.[1]
  if (/[NI]/.test(token ?? "") && /\b(NaN|Infinity)\b/.test(text))
    return ": it holds a number that is not finite, which JSON cannot say"
  return token ? `: ${JSON.stringify(token)} stands where it cannot` : ""
}

/** @throws UserError when the file cannot be read or is not a JSON object. */
export function readJsonObject(file: string): Json {
  const value = parseJson(readTextFile(file), file)
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new UserError(`not a JSON object but ${shown(value)}`, { where: file })
  return value as Json
}

/** The JSON object in a file, or undefined when there is no such file. */
export function readOptionalJson(file: string): Json | undefined {
  return fs.existsSync(file) ? readJsonObject(file) : undefined
}
