/** Locks between processes: held by the living, taken over from the dead. */

import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { linux, unix } from "../../test/support/needs.js"
import type { UserError } from "../errors.js"
import { FileLock, lockFolder } from "./lock.js"

let root: string
let file: string
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "lock-"))
  file = path.join(root, "writer.lock")
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

const take = (): ReturnType<typeof FileLock.take> => FileLock.take(file, { silentMs: 60_000 })

/** Takes the lock, which must be free, and releases it. */
function expectFree(): void {
  const lock = take()
  expect(lock).toBeInstanceOf(FileLock)
  ;(lock as FileLock).release()
  expect(fs.readdirSync(root)).toEqual([])
}

/** What this process writes into a lock, with changes. */
function leave(changes: object, ageMs = 0): void {
  fs.rmSync(file, { force: true })
  const lock = take() as FileLock
  const content = JSON.parse(lock.text)
  lock.release()
  fs.writeFileSync(file, JSON.stringify({ ...content, id: "another", ...changes }))
  const then = new Date(Date.now() - ageMs)
  fs.utimesSync(file, then, then)
}

describe("a lock", () => {
  it("is held until it is released, also by this process itself", () => {
    const lock = take() as FileLock
    expect(take()).toMatchObject({ pid: process.pid, host: os.hostname() })
    lock.release()
    expectFree()
  })

  it("of a process that has ended is taken over", () => {
    const { pid } = spawnSync("true")
    leave({ pid, started: null })
    expectFree()
  })

  linux.it("of a process that has ended and was not waited for is taken over", async () => {
    // It ends when its parent is a program that waits for nobody: the shell might.
    const script = "(until grep -q sleep /proc/$$/comm; do :; done) & echo $!; exec sleep 60"
    const parent = spawn("sh", ["-c", script])
    const [line] = await once(parent.stdout, "data")
    const pid = Number(line)
    while (!/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8"))) await new Promise((done) => setTimeout(done, 5))
    leave({ pid })
    expectFree()
    parent.kill()
  })

  unix.it("of a process whose id was given to another is taken over", () => {
    leave({ started: "a start of long ago" })
    expectFree()
    leave({})
    expect(take()).toMatchObject({ pid: process.pid })
  })

  it("of another machine or container is taken over when it was not touched for long", () => {
    for (const elsewhere of [{ host: "elsewhere" }, { namespace: "pid:[1]", pid: 999_999_999 }]) {
      leave(elsewhere)
      expect(take()).toMatchObject(elsewhere.host ? { host: "elsewhere" } : { pid: 999_999_999 })
      leave(elsewhere, 61_000)
      expectFree()
    }
  })

  it.each(["", "{", "null", "[]", '{"pid":"1"}', '{"pid":0,"host":"x"}', "\u0000\u0000"])(
    "that is damaged is nobody's: %j",
    (text) => {
      fs.writeFileSync(file, text)
      fs.utimesSync(file, 1, 1)
      expectFree()
    },
  )

  it("that cannot be written is a sentence", () => {
    fs.mkdirSync(file)
    expect(take).toThrow(/no lock but a folder/)
    const below = path.join(root, "a-file")
    fs.writeFileSync(below, "")
    expect(() => lockFolder(path.join(below, "out"))).toThrow(/a file where a folder should be/)
    if (process.platform === "linux") expect(() => lockFolder("/proc/no/folder")).toThrow(/no such file or folder/)
    expect(() => lockFolder(below)).toThrow(/there is a file where a folder should be/)
  })

  it("that another process took over is noticed; one that was removed is put back", () => {
    const lock = take() as FileLock
    lock.confirm()
    fs.rmSync(file)
    lock.confirm()
    expect(fs.readFileSync(file, "utf8")).toBe(lock.text)
    fs.writeFileSync(file, JSON.stringify({ ...JSON.parse(lock.text), pid: 4321, id: "another" }))
    expect(() => lock.confirm()).toThrow(/process 4321 writes to this folder/)
    lock.release()
    expect(fs.existsSync(file), "the other's stays").toBe(true)
  })
})

it("the one writer of a folder is named: id, machine, since when", () => {
  const folder = path.join(root, "deep", "out")
  const lock = lockFolder(folder)
  const refused = (): string => {
    try {
      lockFolder(folder)
    } catch (error) {
      return (error as UserError).format()
    }
    return ""
  }
  expect(refused()).toMatch(`${folder}: this process (${process.pid}) writes to this folder since 2`)
  const other = { pid: 4321, host: "elsewhere", since: "2026-01-31T12:00:00Z" }
  fs.writeFileSync(lock.file, JSON.stringify(other))
  expect(refused()).toMatch(
    /out: process 4321 on elsewhere writes to this folder since 2026-0[12]-\d\d \d\d:00:00\n {2}wait/,
  )
  fs.writeFileSync(lock.file, lock.text)
  lock.release()
  expect(fs.existsSync(folder), "it was made and stayed empty").toBe(false)
  fs.mkdirSync(folder)
  lockFolder(folder).release()
  expect(fs.readdirSync(folder)).toEqual([])
})

it("of two that make the same folder, the one that is too late is told who writes", () => {
  const folder = path.join(root, "new")
  // The other one comes between looking for the folder and taking its lock.
  const makeDirectory = vi.spyOn(fs, "mkdirSync").mockImplementationOnce((made) => {
    fs.mkdirSync(made as string)
    FileLock.take(path.join(folder, "writer.lock"), { silentMs: 60_000 })
    return undefined
  })
  expect(() => lockFolder(folder)).toThrow(/this process \(\d+\) writes to this folder/)
  expect(fs.existsSync(path.join(folder, "writer.lock"))).toBe(true)
  makeDirectory.mockRestore()
})

it("what is no file is no lock, and nobody waits for it", () => {
  fs.mkdirSync(file)
  expect(take).toThrow(/no lock but a folder/)
  fs.rmdirSync(file)
  expect(spawnSync("mkfifo", [file]).status).toBe(0)
  expect(take).toThrow(/a pipe or a device/)
})
