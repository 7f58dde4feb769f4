/** A model from the hub into the cache: files in parallel, a lock per blob, progress, and offline use of what is there. */
import fs from "node:fs/promises"
import { explainFileError, requireFreeSpace } from "../checkpoint/files.js"
import { UserError } from "../errors.js"
import { downloadBlob } from "./blob.js"
import { type HubModel, ModelCache } from "./cache.js"
import { currentCommit, type HubFile, listFiles } from "./listing.js"
import { withLock } from "./lock.js"
import { HubUnreachable, type RequestOptions } from "./request.js"
import { type HubSettings, hubSettings } from "./settings.js"

export type HubEvent =
  /** The listing is known. `presentBytes` are in the cache already, parts of interrupted downloads included. */
  | { type: "listed"; commit: string; files: number; totalBytes: number; presentBytes: number }
  /** `doneBytes` of `totalBytes` are on disk; `receivedBytes` came over the wire in this run (for rates). */
  | { type: "progress"; file: string; doneBytes: number; totalBytes: number; receivedBytes: number }
  | { type: "waiting"; file: string }
  | { type: "retry"; reason: string; seconds: number }
  /** The hub cannot be reached; the cached copy is used. */
  | { type: "cached"; reason: string }

export interface DownloadOptions {
  settings?: HubSettings
  onEvent?: (event: HubEvent) => void
  signal?: AbortSignal
  /** Which files to load. Default: weights, configurations, tokenizers and templates at the top level. */
  wants?: (path: string) => boolean
  parallel?: number
  retryDelayMs?: number
  stallMs?: number
}

export interface CachedModel {
  /** The snapshot: links to the model's files under their own names. */
  folder: string
  commit: string
}

const isModelFile = (path: string) => /^[^/]+\.(safetensors|json|txt|jinja)$/.test(path)

/**
 * Folder of a model's files in the cache, complete and checked; downloads what is missing.
 * @throws UserError for everything a user or the server can cause, as a sentence.
 */
export async function downloadModel(model: HubModel, options: DownloadOptions = {}): Promise<CachedModel> {
  const settings = options.settings ?? hubSettings()
  const { onEvent, signal, retryDelayMs, stallMs } = options
  const cache = new ModelCache(settings.cache, model.id)
  if (settings.offline) return cachedModel(model, cache, "HF_HUB_OFFLINE is set")
  const requests: RequestOptions = {
    settings,
    subject: model.revision === "main" ? model.id : `${model.id}@${model.revision}`,
    signal,
    retryDelayMs,
    stallMs,
    onRetry: (reason, seconds) => onEvent?.({ type: "retry", reason, seconds }),
  }
  const cached = await cache.commitOf(model.revision)
  let commit: string
  try {
    commit = await currentCommit(model, { ...requests, tries: cached ? 2 : undefined })
  } catch (error) {
    if (!(error instanceof HubUnreachable) || !cached) throw error
    onEvent?.({ type: "cached", reason: error.message })
    return cachedModel(model, cache, error.message)
  }
  try {
    await fetchFiles(model.id, commit, cache, requests, options)
    // Last, so that a revision never names a half-loaded snapshot.
    await cache.saveRef(model.revision, commit)
  } catch (error) {
    throw explainFileError(error, settings.cache)
  }
  return { folder: cache.snapshot(commit), commit }
}

async function cachedModel({ id, revision }: HubModel, cache: ModelCache, reason: string): Promise<CachedModel> {
  const commit = await cache.commitOf(revision)
  if (commit) return { folder: cache.snapshot(commit), commit }
  throw new UserError(`the model is not in the cache (${reason})`, {
    where: `${id}@${revision}`,
    fix: `Download it once with a connection, or copy it to ${cache.folder}.`,
  })
}

async function fetchFiles(
  id: string,
  commit: string,
  cache: ModelCache,
  requests: RequestOptions,
  { onEvent, wants = isModelFile, parallel = 4 }: DownloadOptions,
): Promise<void> {
  const files = (await listFiles(id, commit, requests)).filter((file) => wants(file.path))
  if (files.length === 0)
    throw new UserError("the model has no files that this program reads", { where: requests.subject })
  const tally = await Tally.start(files, cache, (event) => onEvent?.(event))
  const { totalBytes, doneBytes: presentBytes } = tally
  onEvent?.({ type: "listed", commit, files: files.length, totalBytes, presentBytes })
  await requireFreeSpace(cache.folder, totalBytes - presentBytes)

  await inParallel(files, parallel, requests, async (file, run) => {
    if (!(await isPresent(cache, file)))
      await withLock(
        cache.lock(file.etag),
        async () => {
          if (await isPresent(cache, file)) return // another process was quicker
          const url = `${run.settings.endpoint}/${id}/resolve/${commit}/${file.path.split("/").map(encodeURIComponent).join("/")}`
          await downloadBlob(url, file, cache, run, (onDisk, received) => tally.update(file, onDisk, received))
        },
        { signal: run.signal, onWait: () => onEvent?.({ type: "waiting", file: file.path }) },
      )
    tally.update(file, file.size, 0)
    await cache.link(commit, file.path, file.etag)
  })
}

async function isPresent(cache: ModelCache, file: HubFile): Promise<boolean> {
  return (await fs.stat(cache.blob(file.etag)).catch(() => undefined))?.size === file.size
}

/** Bytes on disk per file and their sum. A download that starts over lowers it: the number never pretends. */
class Tally {
  private readonly onDisk = new Map<HubFile, number>()
  readonly totalBytes: number
  doneBytes = 0
  private receivedBytes = 0

  private constructor(
    files: HubFile[],
    private readonly report: (event: HubEvent) => void,
  ) {
    this.totalBytes = files.reduce((sum, { size }) => sum + size, 0)
  }

  static async start(files: HubFile[], cache: ModelCache, report: (event: HubEvent) => void): Promise<Tally> {
    const tally = new Tally(files, report)
    for (const file of files) {
      const partial = await fs.stat(cache.partialBlob(file.etag)).catch(() => undefined)
      const bytes = (await isPresent(cache, file)) ? file.size : Math.min(partial?.size ?? 0, file.size)
      tally.onDisk.set(file, bytes)
      tally.doneBytes += bytes
    }
    return tally
  }

  update(file: HubFile, onDisk: number, received: number): void {
    const change = onDisk - this.onDisk.get(file)!
    if (change === 0 && received === 0) return
    this.onDisk.set(file, onDisk)
    this.doneBytes += change
    this.receivedBytes += received
    const { doneBytes, totalBytes, receivedBytes } = this
    this.report({ type: "progress", file: file.path, doneBytes, totalBytes, receivedBytes })
  }
}

/** Runs the work on all items, `width` at a time. The first failure stops the others. */
async function inParallel<T>(
  items: T[],
  width: number,
  requests: RequestOptions,
  work: (item: T, requests: RequestOptions) => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const signal = requests.signal ? AbortSignal.any([stop.signal, requests.signal]) : stop.signal
  const queue = items[Symbol.iterator]()
  let failure: { error: unknown } | undefined
  const lane = async () => {
    for (const item of queue) {
      if (failure) return
      try {
        await work(item, { ...requests, signal })
      } catch (error) {
        failure ??= { error }
        stop.abort(new Error("another file failed"))
      }
    }
  }
  await Promise.all(Array.from({ length: width }, lane))
  if (failure) throw failure.error
}
