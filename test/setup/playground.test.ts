/** The set-up's step that builds the server's page: when it works, what it makes, and who leaves it alone. */

import { execFileSync } from "node:child_process"
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { isPlaygroundBuilt } from "../../scripts/lib/playground.mjs"
import { removeOrphans } from "../../scripts/lib/typescript.mjs"

const checkout = resolve(import.meta.dirname, "../..")
const COPIED = ["playground", "src/report", "src/cli/shell.ts", "examples/pictures/panda.png", "tsconfig.json"]

/** In a process of its own, which a set-up ends with its children. */
function build(root: string): void {
  const step = join(checkout, "scripts/lib/playground.mjs")
  const code = `import { buildPlayground } from ${JSON.stringify(step)}; await buildPlayground(process.argv[1])`
  execFileSync(process.execPath, ["--input-type=module", "-e", code, root])
}

describe("the playground's build", () => {
  let root: string
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "playground-"))
    for (const path of COPIED) cpSync(join(checkout, path), join(root, path), { recursive: true })
    writeFileSync(join(root, "package.json"), "{}")
    symlinkSync(join(checkout, "node_modules"), join(root, "node_modules"))
    expect(isPlaygroundBuilt(root)).toBe(false)
    build(root)
  })
  afterAll(() => rmSync(root, { recursive: true }))

  it("makes a page, and is done until a source changes", () => {
    expect(existsSync(join(root, "dist/playground/index.html"))).toBe(true)
    expect(isPlaygroundBuilt(root)).toBe(true)
    appendFileSync(join(root, "playground/src/answer/timeline.test.ts"), "// a test is no source\n")
    appendFileSync(join(root, "playground/test/browser.ts"), "// nor is what tests use\n")
    expect(isPlaygroundBuilt(root)).toBe(true)
    appendFileSync(join(root, "src/report/scale.ts"), "// the page draws with it\n")
    expect(isPlaygroundBuilt(root)).toBe(false)
    build(root)
    expect(isPlaygroundBuilt(root)).toBe(true)
    rmSync(join(root, "dist/playground/index.html"))
    expect(isPlaygroundBuilt(root)).toBe(false)
  })

  it("is left alone where the compiler's output is cleaned", () => {
    const [orphan, page] = ["dist/orphan.js", "dist/playground/assets/index.js"].map((path) => join(root, path))
    mkdirSync(join(root, "dist/playground/assets"), { recursive: true })
    for (const path of [orphan, page]) writeFileSync(path, "")
    removeOrphans(root, [])
    expect([orphan, page].map((path) => existsSync(path))).toEqual([false, true])
    expect(existsSync(join(root, "dist/.playground-stamp.json"))).toBe(true)
  })
})
