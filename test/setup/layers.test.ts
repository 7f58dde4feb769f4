/** The lint rules of docs/design.md fire: arrows between the layers point down only, and only the command line prints. */

import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = resolve(import.meta.dirname, "../..")

const FORBIDDEN = [
  ["src/text/file.ts", "../torch/index.js"],
  ["src/grammar/file.ts", "../torch/index.js"],
  ["src/checkpoint/layouts/file.ts", "../../models/types.js"],
  ["src/torch/file.ts", "../nn/linear.js"],
  ["src/nn/file.ts", "../models/types.js"],
  ["src/models/file.ts", "../paradigms/block-diffusion/decoder.js"],
  ["src/paradigms/block-diffusion/file.ts", "../../train/config.js"],
  ["src/generate/file.ts", "../cli/main.js"],
  ["src/generate/server.ts", "../serve/server.js"],
  ["src/serve/engine/file.ts", "../../cli/main.js"],
  ["src/serve/protocol/file.ts", "../../generate/generate.js"],
  ["src/train/file.ts", "../../examples/emoji/report.js"],
  ["src/data/file.ts", "../../test/golden/folder.js"],
  ["src/cli/commands/file.ts", "../../../examples/emoji/demo.js"],
  ["src/eval/file.ts", "../torch/native.js"],
  ["examples/emoji/file.ts", "../../src/torch/native.js"],
  ["playground/src/file.ts", "../../src/generate/session.js"],
]
const ALLOWED = [
  ["src/nn/allowed.ts", "../torch/index.js"],
  ["src/models/allowed.ts", "../nn/linear.js"],
  ["src/cli/commands/allowed.ts", "../../train/trainer.js"],
  ["src/serve/engine/allowed.ts", "../../generate/generate.js"],
  ["src/train/allowed.ts", "../checkpoint/safetensors.js"],
  ["src/data/allowed.ts", "../errors.js"],
  ["examples/emoji/allowed.ts", "../../src/cli/ui/table.js"],
  ["playground/src/allowed.ts", "../../src/report/svg.js"],
  ["test/golden/allowed.ts", "../../src/nn/attention-pattern.js"],
]

/** The configuration of this repository over a folder of small files: which rule complains about which file. */
let complaints: Map<string, string[]>
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "layers-"))
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  copyFileSync(join(root, "biome.json"), join(folder, "biome.json"))
  for (const [path, target] of [...FORBIDDEN, ...ALLOWED]) {
    write(path, `import { thing } from "${target}"\n\nexport const other = thing\n`)
  }
  write("src/train/prints.ts", "console.log(1)\n")
  write("src/cli/prints.ts", "console.log(1)\n")
  const program = join(root, "node_modules/@biomejs/biome/bin/biome")
  const { stdout } = spawnSync(process.execPath, [program, "lint", "--reporter=json"], {
    cwd: folder,
    encoding: "utf8",
  })
  complaints = new Map()
  for (const { category, location } of JSON.parse(stdout).diagnostics) {
    const path = typeof location.path === "string" ? location.path : location.path.file
    complaints.set(path, [...(complaints.get(path) ?? []), category])
  }
})
afterAll(() => rmSync(folder, { recursive: true }))

describe("layers", () => {
  it.each(FORBIDDEN)("%s must not import %s", (path) => {
    expect(complaints.get(path)).toEqual(["lint/style/noRestrictedImports"])
  })

  it.each(ALLOWED)("%s may import %s", (path) => {
    expect(complaints.get(path)).toBeUndefined()
  })

  it("only the command line prints", () => {
    expect(complaints.get("src/train/prints.ts")).toEqual(["lint/suspicious/noConsole"])
    expect(complaints.get("src/cli/prints.ts")).toBeUndefined()
  })
})
