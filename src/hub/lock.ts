/** A lock file between processes, kept alive by its holder and taken over when the holder is gone. */
import { randomUUID } from "node:crypto"
import fs from "node:fs/promises"
import os from "node:os"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { isAlive } from "../checkpoint/files.js"
import { makeFolder } from "../make-folder.js"

const HEARTBEAT_MS = 5_000
const STALE_MS = 60_000
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
  const content = JSON.stringify({ pid: process.pid, host: os.hostname(), id: randomUUID() })
  for (let waited = false; !(await tryCreate(file, content)); waited = true) {
    options.signal?.throwIfAborted()
    if (await isAbandoned(file)) await fs.rm(file, { force: true })
    else {
      if (!waited) options.onWait?.()
      await sleep(POLL_MS)
    }
  }
  const beat = setInterval(() => void fs.utimes(file, new Date(), new Date()).catch(() => undefined), HEARTBEAT_MS)
  beat.unref()
  try {
    return await action()
  } finally {
    clearInterval(beat)
    if ((await fs.readFile(file, "utf8").catch(() => "")) === content) await fs.rm(file, { force: true })
  }
}

async function tryCreate(file: string, content: string): Promise<boolean> {
  try {
    await fs.writeFile(file, content, { flag: "wx" })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

/** The holder died on this machine, or anywhere without a heartbeat for a minute. */
async function isAbandoned(file: string): Promise<boolean> {
  const stats = await fs.stat(file).catch(() => undefined)
  if (!stats) return false
  if (Date.now() - stats.mtimeMs > STALE_MS) return true
  try {
    const { pid, host } = JSON.parse(await fs.readFile(file, "utf8"))
    return host === os.hostname() && !isAlive(pid)
  } catch {
    return false // just being written
  }
}
