// Whether files are as they were at the last build: sizes and times first (fast), contents when those differ.

import { createHash, randomUUID } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"

/** All files under `folder` whose path `keep` accepts, sorted, so that every machine sees one order. */
export function listFiles(folder, keep = () => true) {
  let entries
  try {
    entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  } catch (error) {
    if (error.code === "ENOENT") return []
    throw error
  }
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(keep)
    .sort()
}

/** A short hash of strings and bytes, in order, with their borders. */
export function hashOf(...parts) {
  const hash = createHash("sha256")
  for (const part of parts) {
    hash.update(`${part.length}:`)
    hash.update(part)
  }
  return hash.digest("hex").slice(0, 32)
}

/** @returns {string} changes when a file is added, removed or written to */
export function quickMark(base, files, extra = "") {
  const parts = files.map((file) => {
    const { size, mtimeMs } = statSync(file)
    return `${relative(base, file)} ${size} ${mtimeMs}`
  })
  return hashOf(extra, ...parts)
}

/** @returns {string} changes when a name or a content changes */
export function contentMark(base, files, extra = "") {
  return hashOf(extra, ...files.flatMap((file) => [relative(base, file), readFileSync(file)]))
}

/** Both marks, taken before a build, to be stored after it. */
export function marksOf(base, files, extra = "") {
  return { quick: quickMark(base, files, extra), content: contentMark(base, files, extra) }
}

/**
 * Whether `files` are what `marks` were taken of.
 * @returns {"same" | "touched" | "changed"} "touched": same contents, other times (a fresh clone, a branch switched twice)
 */
export function compare(marks, base, files, extra = "") {
  if (!marks) return "changed"
  try {
    if (marks.quick === quickMark(base, files, extra)) return "same"
    return marks.content === contentMark(base, files, extra) ? "touched" : "changed"
  } catch (error) {
    if (error.code === "ENOENT") return "changed" // removed since it was listed
    throw error
  }
}

export function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"))
  } catch (error) {
    if (error.code === "ENOENT" || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Marks of files that are as they were but for their times. An installation may be read-only: then contents are compared each time. */
export function renewMarks(path, value) {
  try {
    writeJson(path, value)
  } catch {
    // A container's user, whose layers keep whole seconds only.
  }
}

/** The whole file or the old one, never half of it. */
export function writeJson(path, value) {
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.${randomUUID()}`
  writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`)
  renameSync(draft, path)
}
