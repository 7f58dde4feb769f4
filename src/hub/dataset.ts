/** Files of a dataset of the hub in the cache, only those that are wanted. */
import fs from "node:fs/promises"
import path from "node:path"
import { UserError } from "../errors.js"
import type { HubRepository } from "./cache.js"
import { type DownloadOptions, download } from "./download.js"

export interface CachedFiles {
  /** The snapshot. */
  folder: string
  commit: string
  /** Slash-separated paths inside it, as chosen. */
  files: string[]
}

/** Paths of a dataset -> those that are wanted. @throws UserError when they are not among them */
export type ChooseFiles = (paths: readonly string[]) => string[]

/**
 * Downloads what is chosen and not yet in the cache.
 * @param choose is given the paths of the whole dataset (of those that `wants` takes), or of what is in the cache of it when the hub cannot be asked
 * @throws UserError for everything a user or the server can cause
 */
export async function downloadDataset(
  { id, revision }: HubRepository,
  choose: ChooseFiles,
  options: DownloadOptions = {},
): Promise<CachedFiles> {
  let files: string[] = []
  const { folder, commit } = await download({ id, revision, kind: "dataset" }, options, {
    wants: options.wants ?? (() => true),
    choose(listed) {
      files = choose(listed.map(({ path }) => path))
      const chosen = new Set(files)
      return listed.filter(({ path }) => chosen.has(path))
    },
    async missing(snapshot, begun) {
      files = chosenOf(await filesIn(snapshot), choose, `${id}@${revision}`)
      // Names such as test-00000-of-00003 tell whether all are there; of others only this is known.
      return begun && !files.every((file) => /-of-\d{5}\./.test(file)) ? ["a file whose download was begun"] : []
    },
    none: {
      what: "the dataset has no such files",
      fix: "Look at its page for the names of its configurations and splits.",
    },
  })
  return { folder, commit, files }
}

function chosenOf(paths: readonly string[], choose: ChooseFiles, where: string): string[] {
  try {
    return choose(paths)
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    throw new UserError(`the copy in the cache lacks what is wanted: ${cause.message}`, {
      where,
      fix: "Run it again with a connection, without HF_HUB_OFFLINE.",
      cause,
    })
  }
}

async function filesIn(snapshot: string): Promise<string[]> {
  const entries = await fs.readdir(snapshot, { withFileTypes: true, recursive: true }).catch(() => [])
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(snapshot, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"))
    .sort()
}
