/** What the cache gives when the hub cannot be asked, and why the cache itself cannot be used. */
import { explainFileError } from "../checkpoint/files.js"
import { UserError } from "../errors.js"
import { readable } from "../readable.js"
import { type HubRepository, isCommit, type RepositoryCache } from "./cache.js"

export interface CachedCopy {
  /** The snapshot: the files under their own names. */
  folder: string
  commit: string
}

/** Names of the files that a snapshot lacks. @param begun whether the download of any file was begun and not ended */
export type Missing = (snapshot: string, begun: boolean) => Promise<string[]>

/** How many names a message lists. */
const NAMED = 8

/**
 * The copy of a repository in the cache; undefined when there is nothing of it.
 * @param reason why the hub is not asked, in words
 * @throws UserError for a download that never ended, naming what is missing
 */
export async function cachedCopy(
  { id, revision, kind = "model" }: HubRepository,
  cache: RepositoryCache,
  reason: string,
  missingFiles: Missing,
): Promise<CachedCopy | undefined> {
  const where = `${id}@${revision}`
  const commit = await cache.commitOf(revision)
  const begun = await cache.unfinished()
  const incomplete = (what: string) =>
    new UserError(`its download is incomplete: ${what} (${reason})`, {
      where,
      fix: "Run it again with a connection: it continues where it stopped.",
    })
  if (commit) {
    const missing = await missingFiles(cache.snapshot(commit), begun > 0)
    if (missing.length > 0) throw incomplete(`${list(missing)} missing`)
    return { folder: cache.snapshot(commit), commit }
  }
  if (isCommit(revision)) return undefined
  const commits = await cache.commits()
  const lacks = new Map<string, string[]>()
  for (const other of commits) lacks.set(other, await missingFiles(cache.snapshot(other), begun > 0))
  const whole = commits.find((other) => lacks.get(other)?.length === 0)
  if (whole)
    throw new UserError(`the ${kind} is not in the cache under this revision (${reason})`, {
      where,
      fix: `Another commit of it is: ${id}@${readable(whole)}`,
    })
  if (commits.length > 0) throw incomplete(`${list(lacks.get(commits[0]) ?? [])} missing`)
  if (begun > 0) throw incomplete(`${begun} ${begun === 1 ? "file was" : "files were"} begun, none is whole`)
  return undefined
}

function list(names: string[]): string {
  const shown = names.slice(0, NAMED).join(", ")
  const rest = names.length - NAMED
  return `${shown}${rest > 0 ? ` and ${rest} more` : ""} ${names.length === 1 ? "is" : "are"}`
}

/** Where the sentences for all files would be about the wrong thing: the path is the cache's, and nobody typed it. */
const OF_THE_CACHE: Record<string, string> = {
  EEXIST: "a part of the cache's path is a file, not a folder",
  ENAMETOOLONG: "the path of the cache is too long",
  ENOENT: "the folder of the cache cannot be made",
  ENOTDIR: "a part of the cache's path is a file, not a folder",
}

/** Turns failures of the cache's file system into sentences; gives anything else back as it is. */
export function explainCacheError(error: unknown, cache: string): unknown {
  const { code = "" } = (error ?? {}) as NodeJS.ErrnoException
  if (error instanceof UserError || !Object.hasOwn(OF_THE_CACHE, code)) return explainFileError(error, cache)
  const fix = "HF_HUB_CACHE or HF_HOME name another folder."
  return new UserError(OF_THE_CACHE[code], { where: cache, fix, cause: error })
}
