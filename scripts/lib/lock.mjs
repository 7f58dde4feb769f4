// One set-up at a time per folder: a lock file that dies with its owner. Everything guarded is also written to a
// temporary name and renamed, so a lock taken over by mistake costs double work, never a broken result.
// (Set-up runs before anything is compiled: the program's own lock is src/checkpoint/lock.ts.)

import { randomUUID } from "node:crypto"
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { dirname } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { onExit } from "./on-exit.mjs"

const HEARTBEAT_MS = 5_000
/** Another machine's owner (a shared home folder) cannot be asked; it is dead when its file was not touched this long. */
const SILENT_MS = 60_000

/**
 * Runs `work` while holding the lock `path`; waits for another live holder first.
 * @param {string} path
 * @param {() => Promise<T> | T} work
 * @param {{ onWait?: (owner: { pid: number, host: string }) => void, pollMs?: number }} [options]
 * @returns {Promise<T>}
 * @template T
 */
export async function withLock(path, work, { onWait, pollMs = 200 } = {}) {
  const content = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() })
  let told = false
  while (!tryLock(path, content)) {
    const owner = readOwner(path)
    if (owner && isStale(path, owner)) {
      remove(path, owner.text)
      continue
    }
    if (owner && !told) {
      told = true
      onWait?.(owner)
    }
    await sleep(pollMs)
  }
  const release = () => {
    if (readOwner(path)?.text === content) rmSync(path, { force: true })
  }
  const forget = onExit(release)
  const heartbeat = setInterval(() => touch(path), HEARTBEAT_MS)
  heartbeat.unref()
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    forget()
    release()
  }
}

/** A link appears with its whole content at once, so nobody ever reads half a lock. */
function tryLock(path, content) {
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.${randomUUID()}`
  writeFileSync(draft, content)
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (error.code === "EEXIST") return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function readOwner(path) {
  try {
    const text = readFileSync(path, "utf8")
    const { pid, host } = JSON.parse(text)
    return { pid, host, text }
  } catch (error) {
    if (error instanceof SyntaxError) return { pid: 0, host: "", text: null }
    return undefined
  }
}

function isStale(path, owner) {
  if (owner.host === hostname() && !isAlive(owner.pid)) return true
  try {
    return Date.now() - statSync(path).mtimeMs > SILENT_MS
  } catch {
    return false
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === "EPERM"
  }
}

/** Two waiters may both see the dead owner: the file is moved aside, and put back when it turns out to be a new one. */
function remove(path, text) {
  const aside = `${path}.${randomUUID()}`
  try {
    renameSync(path, aside)
    if (text !== null && readFileSync(aside, "utf8") !== text) linkSync(aside, path)
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error
  }
  rmSync(aside, { force: true })
}

function touch(path) {
  try {
    const now = new Date()
    utimesSync(path, now, now)
  } catch {
    // Taken over after a long sleep of this machine: harmless, see the first line.
  }
}
