/** The public library is whole: its pages name no type that is not exported, and the guides' code needs nothing deeper. */

import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import ts from "typescript"
import { expect, it } from "vitest"

const root = resolve(import.meta.dirname, "../..")

it("no exported signature names a type that is not exported, and no comment a parameter or link that is not there", () => {
  const program = join(root, "node_modules/typedoc/bin/typedoc")
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "--emit", "none"], {
    cwd: root,
    encoding: "utf8",
  })
  expect(`${status} ${stdout}${stderr}`.trim()).toBe("0")
})

it("a model and a paradigm are added with the public library alone", () => {
  const guide = join(root, "test/guide")
  const files = readdirSync(guide).filter((name) => !name.endsWith(".test.ts"))
  expect(files).toEqual(["phi3.ts", "prefix-lm.ts"])
  for (const name of files) {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(guide, name), "utf8"))
    const imported = importedFiles.map(({ fileName }) => fileName)
    expect(imported, name).toContain("../../src/index.js")
    expect(imported.filter((file) => file !== "../../src/index.js" && file !== "zod")).toEqual([])
  }
})
