import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it, vi } from "vitest"
import { listRuns, readRunMetrics } from "./runs.js"

/** A training called "gone" goes away once its folder was read. */
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>()
  const readdir = async (path: string, options: { withFileTypes: true }) => {
    const entries = await fs.readdir(path, options)
    if (path.endsWith("gone")) await fs.rm(path, { recursive: true })
    return entries
  }
  return { ...fs, readdir }
})

const root = mkdtempSync(join(tmpdir(), "dvl-runs-"))
afterAll(() => rmSync(root, { recursive: true }))
const write = (name: string, text: string): void => {
  mkdirSync(join(root, name), { recursive: true })
  writeFileSync(join(root, name, "metrics.jsonl"), text)
}

it("tells of trainings by their names only, and passes over one that goes away", async () => {
  write("a/b", '{"step":3}\n')
  write("gone", '{"step":1}\n')
  const runs = await listRuns(root)
  expect(runs).toEqual([{ name: "a/b", updated: expect.any(String), steps: 3, report: false }])
  expect(JSON.stringify(runs)).not.toContain(root)
})

it("gets past a line that is longer than a piece", async () => {
  const long = `{"step":1,"x":"${"x".repeat(5 * 2 ** 20)}"}\n`
  write("long", `{"step":0}\n${long}{"step":2}\n`)
  const first = await readRunMetrics(root, "long", 0)
  expect(Buffer.from(first).toString()).toBe('{"step":0}\n')
  // From the end of a line, as the page asks, and from the beginning of one.
  for (const from of [first.length - 1, first.length]) {
    const next = await readRunMetrics(root, "long", from)
    expect(next.length).toBeGreaterThan(long.length)
    expect(Buffer.from(next.subarray(-11)).toString()).toBe('{"step":2}\n')
  }
})
