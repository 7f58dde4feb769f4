/** One download of a file at a time, also between processes. */
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { FileLock } from "../checkpoint/lock.js"
import { makeFolder } from "../make-folder.js"

const SILENT_MS = 60_000
const POLL_MS = 200

/**
 * Runs `action` while holding the lock file. It spares a second download and is not what correctness rests on: two
 * holders of the same blob would write equal bytes to equal places.
 */
export async function withLock<T>(
  file: string,
  action: () => Promise<T>,
  options: { onWait?: () => void; signal?: AbortSignal } = {},
): Promise<T> {
  makeFolder(path.dirname(file))
  let lock = FileLock.take(file, { silentMs: SILENT_MS })
  for (let waited = false; !(lock instanceof FileLock); waited = true) {
    options.signal?.throwIfAborted()
    if (!waited) options.onWait?.()
    await sleep(POLL_MS)
    lock = FileLock.take(file, { silentMs: SILENT_MS })
  }
  try {
    return await action()
  } finally {
    lock.release()
  }
}
