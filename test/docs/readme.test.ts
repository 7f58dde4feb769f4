/** The README is true: its tree of files is whole, its commands exist, its example runs. */

import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { collect } from "../support/program.js"

const root = resolve(import.meta.dirname, "../..")
const readme = readFileSync(join(root, "README.md"), "utf8")
const block = (heading: string, kind: string): string =>
  readme.split(`## ${heading}\n`)[1].match(new RegExp(`\`\`\`${kind}\n(.*?)\`\`\``, "s"))![1]

describe("README.md", () => {
  const tree = [...block("The files", "").matchAll(/^(\S+) {2,}/gm)].map(([, path]) => path)

  it("lists only what is there, and every folder of the project and of src/", () => {
    expect(tree.length).toBeGreaterThan(20)
    expect(tree.filter((path) => !existsSync(join(root, path.replace("*.ts", ""))))).toEqual([])
    const made = ["node_modules", "build", "dist", "runs", "coverage"]
    const inside = (path: string) =>
      readdirSync(join(root, path), { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !made.includes(entry.name))
        .map(({ name }) => `${path}${name}/`)
    const folders = [...inside("").filter((path) => path !== "src/"), ...inside("src/")]
    expect(folders.length).toBeGreaterThan(20)
    expect(folders.filter((folder) => !tree.includes(folder))).toEqual([])
  })

  it("names only scripts of package.json", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
    const named = [...readme.matchAll(/npm (?:run (\w+)|(test))/g)].map(([, script, test]) => script ?? test)
    expect(new Set(named).size).toBeGreaterThan(4)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })

  it("has an example that runs", async () => {
    const out = mkdtempSync(join(tmpdir(), "readme-"))
    mkdirSync(join(root, "build/readme"), { recursive: true })
    const file = join(root, "build/readme/example.ts")
    const code = block("The library", "ts")
    const settings = `["output=${join(out, "trained")}", "train.max_steps`
    expect(code).toContain('["train.max_steps')
    writeFileSync(file, code.replace('["train.max_steps', settings))
    const { result } = collect(spawn(process.execPath, [join(root, "scripts/source.mjs"), file], { cwd: root }))
    const { code: status, out: printed, err } = await result
    rmSync(out, { recursive: true })
    expect(`${status} ${err}`).toBe("0 ")
    // The two requests end in either order.
    expect(printed).toMatch(/^panda[01] /)
    expect(printed).toMatch(/^(panda)?0 panda$/m)
    expect(printed).toMatch(/^(panda)?1 \w+/m)
    expect(printed.match(/^\d+ \d+\.\d+$/gm)?.length).toBe(20)
  })
})
