/** `npm run demo` and `npm run fixtures`: programs of the repository that run from their sources, and fail as the others do. */

import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { collect, type Result } from "../support/program.js"

const root = resolve(import.meta.dirname, "../..")
const cwd = mkdtempSync(join(tmpdir(), "scripts-"))
afterAll(() => rmSync(cwd, { recursive: true }))

const run = (file: string, ...args: string[]): Promise<Result> =>
  collect(spawn(process.execPath, [join(root, "scripts/source.mjs"), join(root, file), ...args], { cwd })).result

describe("npm run demo", () => {
  const demo = (...args: string[]) => run("examples/emoji/main.ts", ...args)

  it("describes itself as it is typed", async () => {
    const { code, out } = await demo("--help")
    expect(code).toBe(0)
    expect(out).toMatch(/^Usage: npm run demo -- \[options\]\n/)
    expect(out).toContain("--from-scratch")
  })

  it("takes its own recipe and options, and says what is wrong with them", async () => {
    const { code, err } = await demo("--set", "stages.diffusion.steps=0", "--out", "out")
    expect(code).toBe(1)
    expect(err).toMatch(/^error: .*emoji-quick\.yaml: --set stages\.diffusion\.steps: must be at least 1, not 0/)
    expect(existsSync(join(cwd, "out"))).toBe(false)
    expect((await demo("--stages")).code).toBe(2)
  })
})

describe("npm run fixtures", () => {
  const fixtures = (...args: string[]) => run("test/golden/main.ts", ...args)

  it("needs a folder that exists", async () => {
    expect(await fixtures("nowhere")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^error: nowhere: there is no such/),
    })
    expect(await fixtures()).toMatchObject({ code: 2 })
  })

  it("runs the kinds that are asked for", async () => {
    const { code, out } = await fixtures(join(root, "test/golden/cases"), "--only", "noise")
    expect(out).toMatch(/^noise +6 passed\n(.+ passed\n)*\d+ passed, 0 failed\n$/)
    expect(code).toBe(0)
  })
})
