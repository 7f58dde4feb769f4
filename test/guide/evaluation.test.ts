/** docs/guide/evaluation.md, followed: its program asks, keeps and scores a task of its own. */

import { spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { expect, it } from "vitest"
import { collect } from "../support/program.js"

const root = resolve(import.meta.dirname, "../..")
const guide = readFileSync(join(root, "docs/guide/evaluation.md"), "utf8")

it("the guide's program runs: the built-in model is asked, and scored", { timeout: 120_000 }, async () => {
  const [, code] = /```ts\n(.*?)```/s.exec(guide)!
  const file = join(root, "build/guide/evaluation.ts")
  mkdirSync(join(root, "build/guide"), { recursive: true })
  writeFileSync(file, code)
  const folder = mkdtempSync(join(tmpdir(), "guide-evaluation-"))
  try {
    cpSync(join(root, "examples/pictures"), folder, { recursive: true })
    // The last is wrong, so that the score can be.
    const rows = ["panda", "sunflower", "sunflower", "no panda"].map((answer, i) => ({
      image: `${i === 0 || i === 3 ? "panda" : "sunflower"}.png`,
      answer,
    }))
    writeFileSync(join(folder, "questions.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
    const { result } = collect(spawn(process.execPath, [join(root, "scripts/source.mjs"), file], { cwd: folder }))
    expect(await result).toEqual({ code: 0, err: "", out: "What is this? 4 0.75\n" })
    expect(readdirSync(join(folder, "runs/pictures"))).toEqual(expect.arrayContaining(["run.json", "report.html"]))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
