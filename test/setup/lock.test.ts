/** One set-up at a time, and none that waits for a dead one. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { withLock } from "../../scripts/lib/lock.mjs"

const library = resolve(import.meta.dirname, "../../scripts/lib/lock.mjs")
let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lock-"))
  path = join(folder, "sub", "setup.lock")
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Another process that takes the lock, notes when it entered and left, and holds it for `holdMs`. */
function holder(name: string, holdMs: number) {
  const code = `
    import { appendFileSync } from "node:fs"
    import { withLock } from ${JSON.stringify(library)}
    await withLock(${JSON.stringify(path)}, async () => {
      appendFileSync(${JSON.stringify(join(folder, "log"))}, "enter ${name}\\n")
      await new Promise((done) => setTimeout(done, ${holdMs}))
      appendFileSync(${JSON.stringify(join(folder, "log"))}, "leave ${name}\\n")
    }, { pollMs: 5 })`
  return spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: "inherit" })
}
const log = () => (existsSync(join(folder, "log")) ? readFileSync(join(folder, "log"), "utf8").trim().split("\n") : [])
const until = async (condition: () => boolean) => {
  while (!condition()) await sleep(5)
}

describe("withLock", () => {
  it("gives back the result, frees the lock, also after an error, and leaves no files", async () => {
    expect(await withLock(path, () => 7)).toBe(7)
    await expect(withLock(path, () => Promise.reject(new Error("failed")))).rejects.toThrow("failed")
    expect(await withLock(path, () => 8)).toBe(8)
    expect(readdirSync(join(folder, "sub"))).toEqual([])
  })

  it("lets processes in one after the other", async () => {
    const children = ["a", "b", "c"].map((name) => holder(name, 50))
    await Promise.all(children.map((child) => once(child, "exit")))
    const lines = log()
    expect(lines).toHaveLength(6)
    for (let index = 0; index < 6; index += 2) expect(lines[index].replace("enter", "leave")).toBe(lines[index + 1])
  })

  it("tells who is waited for", async () => {
    const child = holder("first", 300)
    await until(() => log().length > 0)
    const owners: number[] = []
    await withLock(path, () => expect(log()).toHaveLength(2), {
      onWait: ({ pid }: { pid: number }) => owners.push(pid),
      pollMs: 5,
    })
    expect(owners).toEqual([child.pid])
  })

  it("takes over from a process that was killed, however many wait", async () => {
    const child = holder("dead", 60_000)
    await until(() => log().length > 0)
    child.kill("SIGKILL")
    await once(child, "exit")
    expect(existsSync(path)).toBe(true)
    let inside = 0
    const waiters = Array.from({ length: 5 }, () =>
      withLock(
        path,
        async () => {
          inside += 1
          expect(inside).toBe(1)
          await sleep(10)
          inside -= 1
        },
        { pollMs: 1 },
      ),
    )
    await Promise.all(waiters)
    expect(readdirSync(join(folder, "sub"))).toEqual([])
  })

  it("frees the lock when interrupted", async () => {
    const child = holder("interrupted", 60_000)
    await until(() => log().length > 0)
    child.kill("SIGINT")
    const [code] = await once(child, "exit")
    expect(code).toBe(130)
    expect(existsSync(path)).toBe(false)
  })

  it("takes over from another machine only after a minute of silence, and from a file that is no lock", async () => {
    await withLock(path, () => undefined)
    writeFileSync(path, JSON.stringify({ pid: process.pid, host: `not-${hostname()}` }))
    const waiting = withLock(path, () => "entered", { pollMs: 5 })
    expect(await Promise.race([waiting, sleep(100, "still waiting")])).toBe("still waiting")
    const longAgo = new Date(Date.now() - 61_000)
    utimesSync(path, longAgo, longAgo)
    expect(await waiting).toBe("entered")

    writeFileSync(path, "not json")
    utimesSync(path, longAgo, longAgo)
    expect(await withLock(path, () => "entered", { pollMs: 5 })).toBe("entered")
  })
})
