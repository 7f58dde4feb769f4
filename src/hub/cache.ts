/** The cache layout shared with huggingface_hub: models--org--name/{blobs,refs,snapshots}. Makes no connections. */
import fs from "node:fs/promises"
import path from "node:path"
import { writeFileAtomic } from "../checkpoint/files.js"

/** A model on the hub. The revision is a branch, a tag, a pull-request ref or a commit. */
export interface HubModel {
  id: string
  revision: string
}

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision)
}

/** Paths of one model inside the cache. */
export class ModelCache {
  readonly folder: string

  constructor(
    private readonly cache: string,
    id: string,
  ) {
    this.folder = path.join(cache, `models--${id.replaceAll("/", "--")}`)
  }

  blob(etag: string): string {
    return path.join(this.folder, "blobs", etag)
  }

  /** The name is our own: huggingface_hub may be loading the same blob, and guards its partial files differently. */
  partialBlob(etag: string): string {
    return `${this.blob(etag)}.diffusionvl.incomplete`
  }

  lock(etag: string): string {
    return path.join(this.cache, ".locks", path.basename(this.folder), `${etag}.diffusionvl.lock`)
  }

  snapshot(commit: string): string {
    return path.join(this.folder, "snapshots", commit)
  }

  private ref(revision: string): string {
    return path.join(this.folder, "refs", ...revision.split("/"))
  }

  /** Commit that a revision stood for when it was last downloaded; undefined when it never was. */
  async commitOf(revision: string): Promise<string | undefined> {
    const named = isCommit(revision) ? revision : await fs.readFile(this.ref(revision), "utf8").catch(() => undefined)
    const commit = named?.trim()
    if (!commit || !isCommit(commit)) return undefined
    return (await isFolder(this.snapshot(commit))) ? commit : undefined
  }

  async saveRef(revision: string, commit: string): Promise<void> {
    if (isCommit(revision)) return
    const file = this.ref(revision)
    await fs.mkdir(path.dirname(file), { recursive: true })
    await writeFileAtomic(file, commit)
  }

  /** Makes `file` of a snapshot point at its blob: a relative link, or a copy where links are not allowed. */
  async link(commit: string, file: string, etag: string): Promise<void> {
    const pointer = path.join(this.snapshot(commit), ...file.split("/"))
    const target = path.relative(path.dirname(pointer), this.blob(etag))
    if ((await fs.readlink(pointer).catch(() => undefined)) === target) return
    await fs.mkdir(path.dirname(pointer), { recursive: true })
    const fresh = `${pointer}.${process.pid}.partial`
    await fs.rm(fresh, { force: true })
    await fs.symlink(target, fresh).catch((error) => {
      if (error.code !== "EPERM" && error.code !== "ENOSYS") throw error
      return fs.copyFile(this.blob(etag), fresh)
    })
    await fs.rename(fresh, pointer)
  }
}

async function isFolder(target: string): Promise<boolean> {
  return fs.stat(target).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
