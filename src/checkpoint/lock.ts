/** Lock files between processes. The holder is written in the file; a lock whose holder is gone is taken over. */

import { execFileSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { UserError } from "../errors.js"
import { makeFolder } from "../make-folder.js"
import { explaining, isAlive, partialName } from "./files.js"

const HEARTBEAT_MS = 5_000
/** A damaged lock is read again for this long: some file systems show a file before its content. */
const GRACE_MS = 1_000
const GRACE_READS = 20

/** Who holds a lock. */
export interface LockHolder {
  pid: number
  host: string
  /** ISO time at which the lock was taken. */
  since: string
}

interface LockContent extends LockHolder {
  /** Process ids mean the same only within one of these. */
  namespace: string | null
  /** Start of the holder as the system tells it: a process id may be in use again. */
  started: string | null
  id: string
}

const heldLocks = new Set<FileLock>()
/** Also a program that ends at once leaves no lock behind. */
const releaseAll = (): void => {
  for (const lock of heldLocks) lock.release()
}

/** A lock that this process holds, kept fresh until it is released. */
export class FileLock {
  /** The folder was made for the lock, and goes with it when nothing was written. */
  madeFolder = false
  readonly #beat: NodeJS.Timeout

  private constructor(
    readonly file: string,
    readonly text: string,
  ) {
    this.#beat = setInterval(() => {
      const now = new Date()
      if (this.#isOurs()) fs.utimes(this.file, now, now, () => {})
    }, HEARTBEAT_MS)
    this.#beat.unref()
    if (heldLocks.size === 0) process.on("exit", releaseAll)
    heldLocks.add(this)
  }

  /**
   * Takes the lock, also from a holder that is gone.
   * @param silentMs a holder that cannot be asked (of another machine or container) is gone when its lock was not
   *   touched for this long
   * @returns the living holder where there is one
   * @throws UserError when the lock cannot be written
   */
  static take(file: string, { silentMs }: { silentMs: number }): FileLock | LockHolder {
    const text = JSON.stringify({
      pid: process.pid,
      host: os.hostname(),
      since: new Date().toISOString(),
      namespace: pidNamespace(),
      started: startOf(process.pid) ?? null,
      id: randomUUID(),
    } satisfies LockContent)
    for (let damaged = 0; ; ) {
      if (explaining(file, () => place(file, text))) return new FileLock(file, text)
      const found = explaining(file, () => read(file))
      if (found === undefined) continue
      if (found.holder && !isGone(found.holder, found.ageMs, silentMs)) return found.holder
      if (!found.holder && found.ageMs < GRACE_MS && damaged++ < GRACE_READS) pause(GRACE_MS / GRACE_READS)
      else explaining(file, () => remove(file, found.text))
    }
  }

  /** @throws UserError when another process has taken the lock over, as after a long sleep of this machine */
  confirm(): void {
    if (this.#isOurs() || explaining(this.file, () => place(this.file, this.text))) return
    throw heldBy(path.dirname(this.file), explaining(this.file, () => read(this.file))?.holder)
  }

  /** Never fails: a lock that stays behind is taken over, since its holder has ended. */
  release(): void {
    clearInterval(this.#beat)
    heldLocks.delete(this)
    if (heldLocks.size === 0) process.off("exit", releaseAll)
    try {
      if (this.#isOurs()) fs.rmSync(this.file, { force: true })
    } catch {}
    if (this.madeFolder) removeEmpty(path.dirname(this.file))
  }

  #isOurs(): boolean {
    try {
      return read(this.file)?.text === this.text
    } catch {
      return false
    }
  }
}

/** A micro-batch of a large model may keep the event loop, and with it the heartbeat, for minutes. */
const WRITER_SILENT_MS = 5 * 60_000

/**
 * Becomes the one writer of a folder, which is made if it does not exist (and removed again if it stays empty).
 * @throws UserError naming the process that writes there already
 */
export function lockFolder(folder: string): FileLock {
  const made = !fs.existsSync(folder)
  explaining(folder, () => makeFolder(folder))
  try {
    const lock = FileLock.take(path.join(folder, "writer.lock"), { silentMs: WRITER_SILENT_MS })
    if (!(lock instanceof FileLock)) throw heldBy(folder, lock)
    lock.madeFolder = made
    return lock
  } catch (error) {
    if (made) removeEmpty(folder)
    throw error
  }
}

/** Not when something is in it, such as the lock of another process that was faster. */
function removeEmpty(folder: string): void {
  try {
    fs.rmdirSync(folder)
  } catch {}
}

function heldBy(folder: string, holder?: LockHolder): UserError {
  if (!holder) return new UserError("another process has just begun to write to this folder", { where: folder })
  const { pid, host, since } = holder
  const elsewhere = host === os.hostname() ? "" : ` on ${host}`
  const whose = pid === process.pid && !elsewhere ? `this process (${pid})` : `process ${pid}${elsewhere}`
  return new UserError(`${whose} writes to this folder since ${localTime(since)}`, {
    where: folder,
    fix: `wait until it ends, stop it${elsewhere ? "" : ` (kill ${pid})`}, or use another output folder`,
  })
}

/** 2026-01-31 17:05:00, in the user's time zone. */
function localTime(iso: string): string {
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? "some time ago" : date.toLocaleString("sv-SE")
}

/** What file systems without hard links answer. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])

/** A name beside the lock; what a killed process leaves there is swept as all partial files are. */
const besides = (file: string): string => partialName(`${file}-${randomUUID()}`)

/** Puts the lock into its place unless there is one. A link appears with its whole content at once. */
function place(file: string, text: string): boolean {
  const draft = besides(file)
  try {
    fs.writeFileSync(draft, text)
    try {
      fs.linkSync(draft, file)
    } catch (error) {
      if (!NO_LINKS.has(code(error))) throw error
      fs.writeFileSync(file, text, { flag: "wx" })
    }
    return true
  } catch (error) {
    // ENOENT: whoever holds the lock has swept the draft away.
    if (code(error) === "EEXIST" || (code(error) === "ENOENT" && fs.existsSync(path.dirname(file)))) return false
    throw error
  } finally {
    fs.rmSync(draft, { force: true })
  }
}

interface Found {
  text: string
  /** Not there when the text is not that of a lock. */
  holder?: LockContent
  ageMs: number
}

function read(file: string): Found | undefined {
  let text: string
  let ageMs: number
  try {
    const status = fs.statSync(file)
    if (!status.isFile())
      throw new UserError("this is no lock but a folder, a pipe or a device", { where: file, fix: "Delete it." })
    text = fs.readFileSync(file, "utf8")
    ageMs = Date.now() - status.mtimeMs
  } catch (error) {
    if (code(error) === "ENOENT") return undefined
    throw error
  }
  try {
    const holder = JSON.parse(text) as LockContent
    const whole = Number.isInteger(holder.pid) && holder.pid > 0 && typeof holder.host === "string"
    return { text, ageMs, ...(whole && { holder }) }
  } catch {
    return { text, ageMs }
  }
}

function isGone({ pid, host, namespace, started }: LockContent, ageMs: number, silentMs: number): boolean {
  if (host !== os.hostname() || (namespace ?? null) !== pidNamespace()) return ageMs > silentMs
  if (!isAlive(pid)) return true
  const start = startOf(pid)
  return start === undefined || !started ? ageMs > silentMs : start !== started
}

/** Two may both find the holder gone: the file is moved aside, and put back when it turns out to be a new one. */
function remove(file: string, text: string): void {
  const aside = besides(file)
  try {
    fs.renameSync(file, aside)
    if (fs.readFileSync(aside, "utf8") !== text) fs.linkSync(aside, file)
  } catch (error) {
    if (code(error) !== "ENOENT" && code(error) !== "EEXIST") throw error
  } finally {
    fs.rmSync(aside, { force: true })
  }
}

/** Locks are rare and short to take: waiting without the event loop keeps their code plain. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function code(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

/** Containers on one machine may share its name, but not their process ids. */
function pidNamespace(): string | null {
  try {
    return fs.readlinkSync("/proc/self/ns/pid")
  } catch {
    return null
  }
}

/** What tells a process from later ones with its id; undefined where the system does not say, "" for one that has ended. */
function startOf(pid: number): string | undefined {
  if (process.platform === "win32") return undefined
  try {
    if (process.platform !== "linux") {
      const env = { ...process.env, TZ: "UTC", LC_ALL: "C" }
      return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", env }).trim()
    }
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
    // The name, in brackets, may hold anything; then the state is field 3 and the start, in ticks, field 22.
    const fields = fs
      .readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")
    return fields[0] === "Z" || fields[0] === "X" ? "" : `${boot}/${fields[19]}`
  } catch {
    return undefined
  }
}
