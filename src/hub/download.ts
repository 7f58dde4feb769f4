/** A model or a dataset from the hub into the cache: files in parallel, a lock per blob, progress, and offline use of what is there. */
import fs from "node:fs/promises"
import { requireFreeSpace } from "../checkpoint/files.js"
import { UserError } from "../errors.js"
import { makeFolder } from "../make-folder.js"
import { downloadBlob } from "./blob.js"
import { type HubRepository, pagePrefix, RepositoryCache } from "./cache.js"
import { missingFiles } from "./completeness.js"
import { currentCommit, type HubFile, listFiles } from "./listing.js"
import { withLock } from "./lock.js"
import { type CachedCopy, cachedCopy, explainCacheError, type Missing } from "./offline.js"
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

/** tokenizer.model is not read, but where there is no other tokenizer people are told what to do with it. */
const isModelFile = (path: string) => /^[^/]+\.(safetensors|json|txt|jinja|model)$/.test(path) || isPickled(path)

/** A model's weights, or the projector of one, as torch.save writes them. */
const isPickled = (path: string) => isPickledModel(path) || path === "mm_projector.bin"
const isPickledModel = (path: string) => /^pytorch_model(-\d+-of-\d+)?\.bin$/.test(path)

/** Many models are published in both formats: the pickled one is then not loaded. */
function withoutCopies(files: readonly HubFile[]): HubFile[] {
  const safe = files.some(({ path }) => /^model.*\.safetensors$/.test(path))
  return files.filter(({ path }) => !(safe && isPickledModel(path)))
}

/**
 * Folder of a model's files in the cache, complete and checked; downloads what is missing.
 * @throws UserError for everything a user or the server can cause, as a sentence.
 */
export function downloadModel(model: HubRepository, options: DownloadOptions = {}): Promise<CachedCopy> {
  const { wants } = options
  return download(model, options, {
    wants: wants ?? isModelFile,
    choose: wants ? (files) => [...files] : withoutCopies,
    // Of files that the caller chooses, whether they are all there is not known.
    missing: wants ? async () => [] : missingFiles,
    none: {
      what: "the model has no files that this program reads",
      fix: "Use one with safetensors weights; of one that is published as GGUF files, download one and name it.",
    },
  })
}

/** What of a repository is wanted. */
export interface Choice {
  /** By the path. */
  wants(path: string): boolean
  /** Of all that is wanted so. */
  choose(files: readonly HubFile[]): HubFile[]
  /** Of a copy in the cache, when the hub cannot be asked. */
  missing: Missing
  /** What to say when nothing is. */
  none: { what: string; fix: string }
}

/**
 * Folder of the chosen files in the cache, complete and checked; downloads what is missing.
 * @throws UserError for everything a user or the server can cause, as a sentence.
 */
export async function download(
  repository: HubRepository,
  options: DownloadOptions,
  choice: Choice,
): Promise<CachedCopy> {
  const settings = options.settings ?? hubSettings()
  const { onEvent, signal, retryDelayMs, stallMs } = options
  const { id, revision, kind = "model" } = repository
  const cache = new RepositoryCache(settings.cache, repository)
  if (settings.offline) {
    const copy = await cachedCopy(repository, cache, "HF_HUB_OFFLINE is set", choice.missing)
    if (copy) return copy
    throw new HubUnreachable(`the ${kind} is not in the cache (HF_HUB_OFFLINE is set)`, {
      where: `${id}@${revision}`,
      fix: `Download it once with a connection, or copy it to ${cache.folder}.`,
    })
  }
  const requests: RequestOptions = {
    settings,
    subject: revision === "main" ? id : `${id}@${revision}`,
    kind,
    signal,
    retryDelayMs,
    stallMs,
    onRetry: (reason, seconds) => onEvent?.({ type: "retry", reason, seconds }),
  }
  const cached = await cache.commitOf(revision)
  try {
    const commit = await currentCommit(repository, { ...requests, tries: cached ? 2 : undefined })
    const files = choice.choose(await listFiles(repository, commit, requests, choice.wants))
    if (files.length === 0) throw new UserError(choice.none.what, { where: requests.subject, fix: choice.none.fix })
    const changed = await fetchFiles(repository, commit, files, cache, requests, options)
    // Last, so that a revision never names a half-loaded snapshot. A read-only cache that has everything needs no name.
    await cache.saveRef(revision, commit).catch((error) => {
      if (changed) throw error
    })
    return { folder: cache.snapshot(commit), commit }
  } catch (error) {
    if (!(error instanceof HubUnreachable)) throw explainCacheError(error, settings.cache)
    const copy = await cachedCopy(repository, cache, error.message, choice.missing)
    if (!copy) throw error
    onEvent?.({ type: "cached", reason: error.message })
    return copy
  }
}

/**
 * Loads what is missing.
 * @returns whether anything was written
 */
async function fetchFiles(
  { id, kind }: HubRepository,
  commit: string,
  files: HubFile[],
  cache: RepositoryCache,
  requests: RequestOptions,
  { onEvent, parallel = 4 }: DownloadOptions,
): Promise<boolean> {
  const holds = (file: HubFile) => cache.holds(commit, file.path, file.size)
  const hasBlob = (file: HubFile) => cache.hasBlob(file.etag, file.size)
  const tally = await Tally.start(
    files,
    async (file) => {
      if ((await holds(file)) || (await hasBlob(file))) return file.size
      const partial = await fs.stat(cache.partialBlob(file.etag)).catch(() => undefined)
      return Math.min(partial?.size ?? 0, file.size)
    },
    (event) => onEvent?.(event),
  )
  const { totalBytes, doneBytes: presentBytes } = tally
  onEvent?.({ type: "listed", commit, files: files.length, totalBytes, presentBytes })
  if (presentBytes < totalBytes) {
    makeFolder(cache.folder)
    await requireFreeSpace(cache.folder, totalBytes - presentBytes)
  }

  let changed = false
  await inParallel(files, parallel, requests, async (file, run) => {
    if (await holds(file)) return
    changed = true
    const place = (fresh: boolean) =>
      cache.place(commit, file.path, file.etag, { fresh, links: !run.settings.noSymlinks })
    const load = async () => {
      // Another process may have been quicker, and without links it leaves no blob.
      if ((await holds(file)) || (await hasBlob(file))) return
      const path = file.path.split("/").map(encodeURIComponent).join("/")
      const url = `${run.settings.endpoint}/${pagePrefix(kind)}${id}/resolve/${commit}/${path}`
      await downloadBlob(url, file, cache, run, (onDisk, received) => tally.update(file, onDisk, received))
      await place(true)
    }
    if (!(await hasBlob(file)))
      await withLock(cache.lock(file.etag), load, {
        signal: run.signal,
        onWait: () => onEvent?.({ type: "waiting", file: file.path }),
      })
    tally.update(file, file.size, 0)
    if (!(await holds(file))) await place(false)
  })
  return changed
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

  static async start(
    files: HubFile[],
    bytesOf: (file: HubFile) => Promise<number>,
    report: (event: HubEvent) => void,
  ): Promise<Tally> {
    const tally = new Tally(files, report)
    for (const file of files) {
      const bytes = await bytesOf(file)
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
