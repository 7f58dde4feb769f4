/** JSON files of a model folder: read with limits, and every problem as a sentence. */
import fs from "node:fs"
import { UserError } from "../errors.js"

export type Json = Record<string, unknown>

/** Configurations have a few kilobytes, tokenizers some ten megabytes; what is larger is no file of a model folder. */
const MAX_BYTES = 256 << 20

/**
 * A value as it can be shown in a sentence: as JSON, on one line, without control characters, cut to 60 characters.
 * Nothing that is given can make it fail.
 */
export function shown(value: unknown): string {
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : `"${value}"`
  // Lists and objects can be large, deep or circular: where they are not small, their kind says enough.
  if (isSmall(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`
  if (value === null) return "null"
  if (value === undefined) return "nothing"
  if (typeof value === "object" || typeof value === "function") return "an object"
  if (typeof value === "boolean") return String(value)
  const text = JSON.stringify(String(value))
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

/** A short list or object of numbers, short texts, true, false and null, and no empty one. */
function isSmall(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return false
  const keys = Object.keys(value)
  const parts: unknown[] = Object.values(value)
  const short = (part: unknown): boolean =>
    (typeof part === "number" && Number.isFinite(part)) ||
    typeof part === "boolean" ||
    part === null ||
    (typeof part === "string" && /^[\w .:/@+-]{0,16}$/.test(part))
  return (
    parts.length > 0 &&
    parts.length <= 4 &&
    parts.every(short) &&
    (Array.isArray(value) || keys.every((key) => /^\w{1,24}$/.test(key)))
  )
}

/** A name from a file as it can stand in a sentence: as it is, or quoted where it is long or has odd characters. */
export function label(name: string): string {
  return name.length <= 120 && /^[\w.:/@+-]+$/.test(name) ? name : shown(name)
}

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
    throw new UserError(`the file cannot be read (${reasonOf(cause)})`, { where: file, cause })
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
    throw new UserError(`the file cannot be read (${reasonOf(cause)})`, { where: file, cause })
  }
  if (stats.isFile()) return stats.size
  throw new UserError(`it is ${stats.isDirectory() ? "a folder" : "a pipe or a device"}, not a file`, { where: file })
}

const REASONS: Record<string, string> = {
  ENOENT: "there is no such file",
  EACCES: "no permission to read it",
  EPERM: "no permission to read it",
  ELOOP: "its symbolic links go round in a circle",
  ENAMETOOLONG: "its name is too long",
  ENOTDIR: "a part of its path is a file, not a folder",
  EISDIR: "it is a folder",
  EMFILE: "too many files are open",
  EIO: "the disk reports an error",
}

/** Why a file could not be opened or read, in a few words. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (code === "ERR_INVALID_ARG_VALUE") return "its name holds a null character"
  return (code !== undefined && REASONS[code]) || code || "the system gives no reason"
}

/** @throws UserError that says where in the text the JSON ends to make sense */
export function parseJson(text: string, where: string): unknown {
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
