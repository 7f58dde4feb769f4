/** `diffusionvl eval` killed again and again, by SIGKILL, at moments that are drawn: bench/kills.ts does it twenty times. */

import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { randomFrom } from "../../src/data/prng.js"
import { killedRun } from "../support/killed-run.js"
import { start } from "../support/program.js"
import { runDifferences } from "../support/run-contents.js"
import { writeSmallEvaluation } from "../support/small-evaluation.js"

const root = mkdtempSync(join(tmpdir(), "eval-kills-"))
afterAll(() => rmSync(root, { recursive: true }))

it("leaves the folder of a run that was never killed, or interrupted", { timeout: 600_000 }, async () => {
  const { args } = await writeSmallEvaluation(join(root, "data"), 12)
  const [whole, killed, interrupted] = ["whole", "killed", "interrupted"].map((name) => {
    mkdirSync(join(root, name))
    return { started: () => start(join(root, name), ["eval", ...args, "--out", "run"]), out: join(root, name, "run") }
  })
  expect(await whole.started().result).toMatchObject({ code: 0 })
  const kills = { starting: 2, answering: 3, writing: 2 }
  const done = await killedRun(killed.started, { out: killed.out, kills, answersOfAll: 36, random: randomFrom(3, 0) })
  expect(done.answers.length).toBeGreaterThan(3)
  expect(runDifferences(whole.out, killed.out)).toEqual([])
  const interrupts = { starting: 1, answering: 2, writing: 1 }
  const how = { out: interrupted.out, kills: interrupts, answersOfAll: 36, random: randomFrom(4, 0) }
  const stopped = await killedRun(interrupted.started, { ...how, signal: "SIGINT" })
  expect(stopped.answers.length).toBeGreaterThan(1)
  expect(runDifferences(whole.out, interrupted.out)).toEqual([])

  // What is looked for would be found.
  const changed = join(root, "changed")
  cpSync(killed.out, changed, { recursive: true })
  const samples = readdirSync(changed, { recursive: true, encoding: "utf8" }).find((name) =>
    name.endsWith("_samples_chartqa.jsonl"),
  )!
  appendFileSync(join(changed, samples), "\n")
  const answers = join(changed, "answers")
  for (const name of readdirSync(answers)) {
    const file = join(answers, name)
    const text = readFileSync(file, "utf8")
    if (name.startsWith("mmbench")) writeFileSync(file, text.replace('"forwards":', '"forwards":1'))
    if (name.startsWith("arc")) writeFileSync(file, text.replace('"logLikelihood":-', '"logLikelihood":-1'))
  }
  writeFileSync(join(changed, ".left.1.partial"), "")
  const report = join(changed, "report.html")
  writeFileSync(report, readFileSync(report, "utf8").replace("What colour", "Which colour"))
  expect(runDifferences(whole.out, changed).sort()).toEqual([
    ".left.1.partial",
    expect.stringMatching(/^answers.arc_easy/),
    expect.stringMatching(/^answers.mmbench/),
    expect.stringMatching(/^[^/]+.DATE_samples_chartqa\.jsonl$/),
    "report.html",
  ])
})
