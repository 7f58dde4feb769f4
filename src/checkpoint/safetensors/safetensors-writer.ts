/** Atomic safetensors writing, single file or sharded, with flat memory. A crash at any point leaves the old checkpoint whole. */
import { createHash, type Hash } from "node:crypto"
import fs from "node:fs/promises"
import path from "node:path"
import { makeFolder } from "../../make-folder.js"
import { type ElementType, rankOfType } from "../element-types.js"
import { explainFileError, partialName, sweepPartials, syncFolder } from "../files.js"
import type { FileDigest } from "../manifest.js"
import { bytesOf, encodeHeader } from "./safetensors-header.js"
import { INDEX_FILE, readIndex, SINGLE_FILE } from "./safetensors-index.js"

/** One tensor to write. `data` is called once, when its turn comes, and gives all its bytes at once or in pieces. */
export interface TensorEntry {
  name: string
  dtype: ElementType
  shape: number[]
  data: () => Uint8Array | Iterable<Uint8Array>
}

export interface WriteOptions {
  /** Largest data size of a shard; a larger tensor gets a shard of its own. 5 GB as in most published models. */
  maxShardBytes?: number
  /** Header metadata; null for none. {"format": "pt"} is what loaders expect. */
  metadata?: Record<string, string> | null
  onProgress?: (writtenBytes: number, totalBytes: number) => void
}

/** Large writes are cut: one write call cannot pass 2 GiB. */
const MAX_WRITE_BYTES = 64 << 20

/**
 * Writes the tensors into a folder as `model.safetensors`, or as `model-00001-of-0000N.safetensors` with an index when
 * they exceed `maxShardBytes`. Replaces a checkpoint that is already there; until the last rename, readers see the old one.
 * @returns what was written, by file name
 */
export async function writeTensors(
  folder: string,
  entries: TensorEntry[],
  options: WriteOptions = {},
): Promise<Map<string, FileDigest>> {
  requireUniqueNames(entries)
  const shards = planShards(entries, options.maxShardBytes ?? 5e9)
  const names = shards.map((_, i) => (shards.length === 1 ? SINGLE_FILE : shardName(i, shards.length)))
  const total = entries.reduce((sum, entry) => sum + bytesOf(entry), 0)
  const written = new Map<string, FileDigest>()
  let finished = 0
  try {
    makeFolder(folder)
    await sweepPartials(folder)
    for (const [i, shard] of shards.entries()) {
      const progress = options.onProgress && ((written: number) => options.onProgress!(finished + written, total))
      written.set(names[i], await writePartial(path.join(folder, names[i]), shard, options.metadata, progress))
      finished += shard.reduce((sum, entry) => sum + bytesOf(entry), 0)
    }
    if (shards.length > 1) await writePartialIndex(folder, shards, names, total)
    for (const step of await commitSteps(folder, names)) await step()
    await syncFolder(folder)
    return written
  } catch (error) {
    for (const name of [...names, INDEX_FILE])
      await fs.rm(partialName(path.join(folder, name)), { force: true }).catch(() => undefined)
    throw explainFileError(error, folder)
  }
}

/**
 * Writes one safetensors file of any name atomically.
 * @returns what was written
 */
export async function writeTensorFile(
  file: string,
  entries: TensorEntry[],
  options: WriteOptions = {},
): Promise<FileDigest> {
  requireUniqueNames(entries)
  const total = entries.reduce((sum, entry) => sum + bytesOf(entry), 0)
  try {
    const progress = options.onProgress && ((written: number) => options.onProgress!(written, total))
    const digest = await writePartial(file, entries, options.metadata, progress)
    await fs.rename(partialName(file), file)
    await syncFolder(path.dirname(file))
    return digest
  } catch (error) {
    await fs.rm(partialName(file), { force: true }).catch(() => undefined)
    throw explainFileError(error, file)
  }
}

function requireUniqueNames(entries: TensorEntry[]): void {
  const seen = new Set<string>()
  for (const { name } of entries) {
    if (seen.has(name)) throw new Error(`tensor ${name} is to be written twice`)
    seen.add(name)
  }
}

/** Greedy packing in the given order, as transformers does it. */
export function planShards<T extends { name: string; dtype: ElementType; shape: number[] }>(
  entries: T[],
  maxShardBytes: number,
): T[][] {
  const shards: T[][] = []
  let current: T[] = []
  let currentBytes = 0
  for (const entry of entries) {
    const bytes = bytesOf(entry)
    if (bytes > maxShardBytes) {
      shards.push([entry])
      continue
    }
    if (currentBytes + bytes > maxShardBytes && current.length > 0) {
      shards.push(current)
      current = []
      currentBytes = 0
    }
    current.push(entry)
    currentBytes += bytes
  }
  if (current.length > 0 || shards.length === 0) shards.push(current)
  return shards
}

function shardName(index: number, count: number): string {
  const digits = (value: number) => String(value).padStart(5, "0")
  return `model-${digits(index + 1)}-of-${digits(count)}.safetensors`
}

/** Writes and syncs the partial file of `file`, widest types first, then by name: the reference writer's order. */
async function writePartial(
  file: string,
  entries: TensorEntry[],
  metadata: WriteOptions["metadata"],
  onProgress?: (written: number) => void,
): Promise<FileDigest> {
  const order = [...entries].sort((a, b) => rankOfType(b.dtype) - rankOfType(a.dtype) || (a.name < b.name ? -1 : 1))
  const handle = await fs.open(partialName(file), "w")
  const hash = createHash("sha256")
  try {
    const header = encodeHeader(order, metadata === null ? undefined : (metadata ?? { format: "pt" }))
    await writeAll(handle, header, hash)
    let written = 0
    for (const entry of order) {
      const data = entry.data()
      let bytes = 0
      for (const piece of data instanceof Uint8Array ? [data] : data) {
        await writeAll(handle, piece, hash)
        bytes += piece.length
        onProgress?.(written + bytes)
      }
      if (bytes !== bytesOf(entry)) throw new Error(`tensor ${entry.name} gave ${bytes} bytes, not ${bytesOf(entry)}`)
      written += bytes
    }
    await handle.sync()
    return { bytes: header.length + written, sha256: hash.digest("hex") }
  } finally {
    await handle.close()
  }
}

/** Another thread writes what is hashed here: what is on the disk later can be compared with what was meant. */
async function writeAll(handle: fs.FileHandle, bytes: Uint8Array, hash: Hash): Promise<void> {
  let hashed = 0
  for (let done = 0; done < bytes.length; ) {
    const end = Math.min(bytes.length, done + MAX_WRITE_BYTES)
    const write = handle.write(bytes, done, end - done)
    if (end > hashed) hash.update(bytes.subarray(hashed, end))
    hashed = Math.max(hashed, end)
    done += (await write).bytesWritten
  }
}

async function writePartialIndex(
  folder: string,
  shards: TensorEntry[][],
  names: string[],
  total: number,
): Promise<void> {
  const pairs = shards.flatMap((shard, i) => shard.map((entry): [string, string] => [entry.name, names[i]]))
  pairs.sort(([a], [b]) => (a < b ? -1 : 1))
  await writeIndex(partialName(path.join(folder, INDEX_FILE)), { total_size: total }, pairs)
}

async function writeIndex(file: string, metadata: object, pairs: [string, string][]): Promise<void> {
  const handle = await fs.open(file, "w")
  try {
    await handle.writeFile(`${JSON.stringify({ metadata, weight_map: Object.fromEntries(pairs) }, null, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * The single file-system operations that put finished partial files in the place of an older checkpoint. After any
 * number of them, `openTensors` sees the old checkpoint whole or the new one whole. Exported so that tests stop at each.
 *
 * New shards may have the names of old ones. Then the old shards first get second names and the old index is pointed at
 * those, so that overwriting the first names hurts nobody.
 */
export async function commitSteps(folder: string, names: string[]): Promise<(() => Promise<void>)[]> {
  const fileOf = (name: string) => path.join(folder, name)
  const exists = (name: string) =>
    fs.stat(fileOf(name)).then(
      () => true,
      () => false,
    )
  const oldSingle = await exists(SINGLE_FILE)
  const oldShardOf = (await exists(INDEX_FILE)) ? readIndexLeniently(fileOf(INDEX_FILE)) : new Map<string, string>()
  const oldShards = [...new Set(oldShardOf.values())]
  const moves = names.map((name) => () => fs.rename(partialName(fileOf(name)), fileOf(name)))
  const remove = (name: string) => () => fs.rm(fileOf(name), { force: true })
  const settle = () => syncFolder(folder)

  if (names[0] === SINGLE_FILE) return [...moves, settle, remove(INDEX_FILE), ...oldShards.map(remove)]

  const steps: (() => Promise<void>)[] = []
  const clashing = oldSingle ? [] : names.filter((name) => oldShards.includes(name))
  const secondName = (name: string) => name.replace(/\.safetensors$/, ".old.safetensors")
  if (clashing.length > 0) {
    for (const name of clashing)
      steps.push(remove(secondName(name)), () => secondLink(fileOf(name), fileOf(secondName(name))))
    const pairs = [...oldShardOf].map(([tensor, shard]): [string, string] => [
      tensor,
      clashing.includes(shard) ? secondName(shard) : shard,
    ])
    const moved = partialName(fileOf(`old.${INDEX_FILE}`))
    steps.push(() => writeIndex(moved, {}, pairs))
    steps.push(() => fs.rename(moved, fileOf(INDEX_FILE)), settle)
  }
  steps.push(...moves, settle, () => fs.rename(partialName(fileOf(INDEX_FILE)), fileOf(INDEX_FILE)), settle)
  if (oldSingle) steps.push(remove(SINGLE_FILE))
  steps.push(...clashing.map((name) => remove(secondName(name))))
  steps.push(...oldShards.filter((name) => !names.includes(name)).map(remove))
  return steps
}

/** A damaged old index protects nothing. */
function readIndexLeniently(file: string): Map<string, string> {
  try {
    return readIndex(file)
  } catch {
    return new Map()
  }
}

/** Hard link, or a copy where the file system has no links. */
async function secondLink(from: string, to: string): Promise<void> {
  await fs.link(from, to).catch(() => fs.copyFile(from, to))
}
