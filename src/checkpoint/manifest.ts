/** Which files a folder holds and their hashes, written last: tells a whole folder from a damaged one. */

import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import fs from "node:fs/promises"
import path from "node:path"
import { messageOf, UserError } from "../errors.js"
import { explainFileError, explaining, writeFileAtomic } from "./files.js"
import { regularFileSize } from "./json.js"

export const MANIFEST_FILE = "manifest.json"
const PIECE_BYTES = 4 << 20

/** What a file holds. */
export interface FileDigest {
  bytes: number
  /** Hexadecimal. */
  sha256: string
}

/** Reads a file of any size once. */
export async function digestFile(file: string): Promise<FileDigest> {
  const hash = createHash("sha256")
  let bytes = 0
  for await (const piece of createReadStream(file, { highWaterMark: PIECE_BYTES })) {
    hash.update(piece as Buffer)
    bytes += (piece as Buffer).length
  }
  return { bytes, sha256: hash.digest("hex") }
}

/**
 * Syncs all files of a folder and writes its manifest.
 * @param known digests of files that were synced when they were written, and need no reading again
 */
export async function writeManifest(folder: string, known: ReadonlyMap<string, FileDigest>): Promise<void> {
  await writeFileAtomic(path.join(folder, MANIFEST_FILE), encode(await digestFolder(folder, known)))
}

/**
 * Syncs all files of a folder.
 * @param known as of `writeManifest`
 */
export async function digestFolder(
  folder: string,
  known: ReadonlyMap<string, FileDigest>,
): Promise<Record<string, FileDigest>> {
  const entries = await fs.readdir(folder, { withFileTypes: true })
  const names = entries.flatMap((entry) => (entry.isFile() && entry.name !== MANIFEST_FILE ? [entry.name] : [])).sort()
  const digests = names.map(async (name): Promise<[string, FileDigest]> => {
    const file = path.join(folder, name)
    const written = known.get(name)
    if (written) return [name, written]
    await syncFile(file)
    return [name, await explaining(file, () => digestFile(file))]
  })
  return Object.fromEntries(await Promise.all(digests))
}

/** A file that is not as it was written, and how. */
export interface Damage {
  file: string
  what: string
}

/**
 * Compares every file of a folder with its manifest; reads all of them.
 * @returns undefined when all is whole; files that the manifest does not list do not matter
 */
export async function findDamage(folder: string): Promise<Damage | undefined> {
  const manifest = path.join(folder, MANIFEST_FILE)
  let files: Record<string, FileDigest> | undefined
  try {
    // Before it is opened: opening a pipe waits for a writer.
    regularFileSize(manifest)
    files = decode(await fs.readFile(manifest, "utf8"))
  } catch (error) {
    return { file: manifest, what: sentence(error, manifest) }
  }
  if (!files) return { file: manifest, what: "its content is not what was written" }
  return findDifference(folder, files)
}

/** The first file of a folder that is not as it was written; reads all of them. */
export async function findDifference(
  folder: string,
  files: Readonly<Record<string, FileDigest>>,
): Promise<Damage | undefined> {
  for (const [name, { bytes, sha256 }] of Object.entries(files)) {
    const file = path.join(folder, name)
    try {
      // Cheap first: most damage is a file that was cut short.
      const { size } = await fs.stat(file)
      if (size !== bytes) return { file, what: `it has ${size} bytes, ${bytes} were written` }
      if ((await digestFile(file)).sha256 !== sha256) return { file, what: "its content is not what was written" }
    } catch (error) {
      return { file, what: sentence(error, file) }
    }
  }
  return undefined
}

function sentence(error: unknown, file: string): string {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return "it is missing"
  const explained = explainFileError(error, file)
  return explained instanceof UserError ? explained.message : messageOf(explained)
}

/** The manifest carries the hash of its own list, so that damage to it is not blamed on the files. */
function encode(files: Record<string, FileDigest>): string {
  const sha256 = createHash("sha256").update(JSON.stringify(files)).digest("hex")
  return `${JSON.stringify({ files, sha256 }, null, 2)}\n`
}

function decode(text: string): Record<string, FileDigest> | undefined {
  try {
    const { files } = JSON.parse(text) as { files: Record<string, FileDigest> }
    return encode(files) === text ? files : undefined
  } catch {
    return undefined
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await fs.open(file, "r")
  try {
    await handle.sync()
  } catch (error) {
    // Windows syncs only what is open for writing.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw explainFileError(error, file)
  } finally {
    await handle.close()
  }
}
