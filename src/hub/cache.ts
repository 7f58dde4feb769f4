/**
 * The cache layout shared with huggingface_hub: models--org--name/{blobs,refs,snapshots}, and datasets--… . Makes no
 * connections.
 */
import fs from "node:fs/promises"
import path from "node:path"
import { writeFileAtomic } from "../checkpoint/files.js"
import { makeFolder } from "../make-folder.js"

export type HubKind = "model" | "dataset"

/** A model or a dataset on the hub. The revision is a branch, a tag, a pull-request ref or a commit. */
export interface HubRepository {
  id: string
  revision: string
  /** @default "model" */
  kind?: HubKind
}

/** What stands before the id in the addresses of the hub's pages and files. */
export const pagePrefix = (kind: HubKind = "model"): string => (kind === "dataset" ? "datasets/" : "")

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision)
}

/** What file systems say that have no links, or where the user may not make them. */
const NO_LINKS = new Set(["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL"])

/** Paths of one repository inside the cache. Nothing is written where nothing changes: the cache may be read-only. */
export class RepositoryCache {
  readonly folder: string

  constructor(
    private readonly cache: string,
    { id, kind = "model" }: { id: string; kind?: HubKind },
  ) {
    this.folder = path.join(cache, `${kind}s--${id.replaceAll("/", "--")}`)
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

  /** Where a file of a snapshot lies. */
  private pointer(commit: string, file: string): string {
    return path.join(this.snapshot(commit), ...file.split("/"))
  }

  /**
   * Commit that a revision stood for when it was last downloaded, or the name of a snapshot itself, as in
   * huggingface_hub's `try_to_load_from_cache`; undefined when there is none.
   */
  async commitOf(revision: string): Promise<string | undefined> {
    const named = isCommit(revision) ? revision : await readIfThere(this.ref(revision))
    const commit = (named ?? revision).trim()
    return (await this.commits()).includes(commit) ? commit : undefined
  }

  /** Commits of which something is there, whole or not: any folder's name, as caches made by hand have. */
  async commits(): Promise<string[]> {
    const names = await fs.readdir(path.join(this.folder, "snapshots")).catch(() => [])
    const folders: string[] = []
    for (const name of names) if (await isFolder(this.snapshot(name))) folders.push(name)
    return folders
  }

  /** Files whose download was begun, by this program or another, and not ended. */
  async unfinished(): Promise<number> {
    const names = await fs.readdir(path.join(this.folder, "blobs")).catch(() => [])
    return names.filter((name) => name.endsWith(".incomplete")).length
  }

  async saveRef(revision: string, commit: string): Promise<void> {
    if (isCommit(revision)) return
    const file = this.ref(revision)
    if ((await readIfThere(file))?.trim() === commit) return
    makeFolder(path.dirname(file))
    await writeFileAtomic(file, commit)
  }

  /** Whether a snapshot has a file of this size: a link to its blob, or the file itself in caches without links. */
  async holds(commit: string, file: string, size: number): Promise<boolean> {
    return hasSize(this.pointer(commit, file), size)
  }

  async hasBlob(etag: string, size: number): Promise<boolean> {
    return hasSize(this.blob(etag), size)
  }

  /**
   * Puts a blob under its name into a snapshot: a relative link, or the file itself where links are not wanted or not
   * possible (moved when it has just been loaded, else copied, as huggingface_hub does).
   */
  async place(commit: string, file: string, etag: string, options: { fresh: boolean; links: boolean }): Promise<void> {
    const pointer = this.pointer(commit, file)
    const blob = this.blob(etag)
    makeFolder(path.dirname(pointer))
    const partial = `${pointer}.${process.pid}.partial`
    await fs.rm(partial, { force: true })
    try {
      const linked = options.links && (await tryLink(path.relative(path.dirname(pointer), blob), partial))
      if (!linked && options.fresh) return await fs.rename(blob, pointer)
      if (!linked) await fs.copyFile(blob, partial)
      await fs.rename(partial, pointer)
    } catch (error) {
      await fs.rm(partial, { force: true })
      throw error
    }
  }
}

async function tryLink(target: string, link: string): Promise<boolean> {
  try {
    await fs.symlink(target, link)
    return true
  } catch (error) {
    if (NO_LINKS.has((error as NodeJS.ErrnoException).code ?? "")) return false
    throw error
  }
}

async function hasSize(file: string, size: number): Promise<boolean> {
  return fs.stat(file).then(
    (stats) => stats.isFile() && stats.size === size,
    () => false,
  )
}

async function isFolder(target: string): Promise<boolean> {
  return fs.stat(target).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}

/** Looked at before it is opened: opening a pipe waits for its writer. Names and ids are short. */
async function readIfThere(file: string): Promise<string | undefined> {
  const readAll = (stats: { isFile(): boolean; size: number }) =>
    stats.isFile() && stats.size <= 4096 ? fs.readFile(file, "utf8") : undefined
  return fs
    .stat(file)
    .then(readAll)
    .catch(() => undefined)
}
