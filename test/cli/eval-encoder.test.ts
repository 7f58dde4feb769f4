/** Captions are scored by a text encoder: `diffusionvl eval` says before it asks that there is none, and takes one that is given. */

import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { columnsOf, documentsFor } from "../support/documents-files.js"
import { writeParquet } from "../support/parquet-file.js"
import { collect, program, type Result } from "../support/program.js"
import { writeSmallVlm } from "../support/small-vlm.js"

const root = mkdtempSync(join(tmpdir(), "eval-encoder-"))
const encoder = resolve(import.meta.dirname, "../fixtures/bertscore/roberta")
const env = { ...process.env, HF_HUB_OFFLINE: "1", HF_HOME: join(root, "hub"), DIFFUSIONVL_BERTSCORE: undefined }
let model: string
const run = (out: string, ...more: string[]): Promise<Result> => {
  const data = ["--tasks", "detailcaps", "--data", "detailcaps=captions.parquet", "--limit", "2"]
  const args = ["eval", model, ...data, "--gen-kwargs", "max_new_tokens=4", "--device", "cpu", "--out", out, ...more]
  return collect(spawn(process.execPath, [program, ...args], { cwd: root, env })).result
}

beforeAll(async () => {
  ;({ model } = await writeSmallVlm(root))
  writeParquet(join(root, "captions.parquet"), columnsOf(documentsFor("detailcaps")))
})
afterAll(() => rmSync(root, { recursive: true }))

it("without one nothing is asked", { timeout: 120_000 }, async () => {
  const { code, out, err } = await run("none")
  expect([code, out]).toEqual([1, ""])
  expect(err).toMatch(/roberta-large@main: the text encoder of BERTScore \(--bertscore\) cannot be had: /)
  expect(err).toContain("DIFFUSIONVL_BERTSCORE")
  expect(existsSync(join(root, "none", "answers"))).toBe(false)
  expect((await run("none", "--bertscore", "./nowhere")).err).toMatch(
    /nowhere: the text encoder .*no such text encoder/,
  )
})

it("with one there is a score; those without are named once", { timeout: 120_000 }, async () => {
  const { code, out, err } = await run("there", "--bertscore", encoder)
  expect([code, err]).toEqual([0, expect.anything()])
  expect(out).toMatch(/detailcaps_BERTScore +−?\d/)
  expect(out.match(/Java/g)).toHaveLength(1)
})
