/** What the cache gives when the hub cannot be asked, and why the cache itself cannot be used. */
import { explainFileError } from "../checkpoint/files.js"
import { UserError } from "../errors.js"
import { type HubModel, isCommit, type ModelCache } from "./cache.js"
import { missingFiles } from "./completeness.js"

export interface CachedModel {
  /** The snapshot: the model's files under their own names. */
  folder: string
  commit: string
}

/** How many names a message lists. */
const NAMED = 8

/**
 * The copy of a model in the cache; undefined when there is nothing of it.
 * @param reason why the hub is not asked, in words
 * @param options with `wants`, the caller asks for files of its own choice: whether they are all there is not known
 * @throws UserError for a download that never ended, naming what is missing
 */
export async function cachedCopy(
  { id, revision }: HubModel,
  cache: ModelCache,
  reason: string,
  { wants }: { wants?: unknown } = {},
): Promise<CachedModel | undefined> {
  const where = `${id}@${revision}`
  const commit = await cache.commitOf(revision)
  const incomplete = (what: string) =>
    new UserError(`its download is incomplete: ${what} (${reason})`, {
      where,
      fix: "Run it again with a connection: it continues where it stopped.",
    })
  if (commit) {
    const missing = wants ? [] : await missingFiles(cache.snapshot(commit))
    if (missing.length > 0) throw incomplete(`${list(missing)} missing`)
    return { folder: cache.snapshot(commit), commit }
  }
  if (isCommit(revision)) return undefined
  const commits = await cache.commits()
  const lacks = new Map<string, string[]>()
  for (const other of commits) lacks.set(other, await missingFiles(cache.snapshot(other)))
  const whole = commits.find((other) => lacks.get(other)?.length === 0)
  if (whole)
    throw new UserError(`the model is not in the cache under this revision (${reason})`, {
      where,
      fix: `Another commit of it is: ${id}@${whole}`,
    })
  if (commits.length > 0) throw incomplete(`${list(lacks.get(commits[0]) ?? [])} missing`)
  const begun = await cache.unfinished()
  if (begun > 0) throw incomplete(`${begun} ${begun === 1 ? "file was" : "files were"} begun, none is whole`)
  return undefined
}

function list(names: string[]): string {
  const shown = names.slice(0, NAMED).join(", ")
  const rest = names.length - NAMED
  return `${shown}${rest > 0 ? ` and ${rest} more` : ""} ${names.length === 1 ? "is" : "are"}`
}

const SENTENCES: Record<string, string> = {
  EEXIST: "a part of the cache's path is a file, not a folder",
  EIO: "the disk of the cache failed",
  ELOOP: "the links of the cache's path lead in a circle",
  ENAMETOOLONG: "the path of the cache is too long",
  ENOENT: "the folder of the cache cannot be made",
  ENOTDIR: "a part of the cache's path is a file, not a folder",
}

/** Turns failures of the cache's file system into sentences; gives anything else back as it is. */
export function explainCacheError(error: unknown, cache: string): unknown {
  const what = SENTENCES[(error as NodeJS.ErrnoException)?.code ?? ""]
  if (what === undefined || error instanceof UserError) return explainFileError(error, cache)
  return new UserError(what, { where: cache, fix: "HF_HUB_CACHE or HF_HOME name another folder.", cause: error })
}
