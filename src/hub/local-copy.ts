/** What is already here of a model that is named by its hub id, without asking anybody: no connection, nothing checked. */
import fs from "node:fs"
import path from "node:path"
import { isCommit, RepositoryCache } from "./cache.js"
import { parseHubId } from "./hub-id.js"
import { hubSettings } from "./settings.js"

/** Folder of the snapshot that was downloaded last; undefined where there is none, or the name is no hub id. */
export function localCopy(name: string): string | undefined {
  const model = parseHubId(name)
  if (!model) return undefined
  const cache = new RepositoryCache(hubSettings().cache, model)
  const commit = isCommit(model.revision) ? model.revision : revisionIn(cache.folder, model.revision)
  const snapshot = commit === undefined ? undefined : cache.snapshot(commit)
  return snapshot !== undefined && fs.existsSync(path.join(snapshot, "config.json")) ? snapshot : undefined
}

function revisionIn(folder: string, revision: string): string | undefined {
  const file = path.join(folder, "refs", ...revision.split("/"))
  const stats = fs.statSync(file, { throwIfNoEntry: false })
  // Names are short; anything else is none.
  const commit = stats?.isFile() && stats.size < 4096 ? fs.readFileSync(file, "utf8").trim() : undefined
  return commit !== undefined && isCommit(commit) ? commit : undefined
}
