/**
 * `diffusionvl eval` killed again and again: the real program, SIGKILL at moments that are drawn, while it starts, answers and writes. Let through at
 * last, its folder is compared with that of a run that was never killed: everything but what test/support/run-contents.ts names.
 *
 * node scripts/source.mjs bench/kills.ts [--kills N] [--documents N] [--concurrent N] [--seed N]
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { randomFrom } from "../src/data/prng.js"
import { killedRun, MOMENTS } from "../test/support/killed-run.js"
import { start } from "../test/support/program.js"
import { runContents, runDifferences } from "../test/support/run-contents.js"
import { writeSmallEvaluation } from "../test/support/small-evaluation.js"

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "20" },
    // Of each of three tasks.
    documents: { type: "string", default: "80" },
    concurrent: { type: "string", default: "4" },
    seed: { type: "string", default: "1" },
  },
})

const root = mkdtempSync(join(tmpdir(), "bench-kills-"))
const say = (line: string): unknown => process.stdout.write(`${line}\n`)
try {
  const { args } = await writeSmallEvaluation(join(root, "data"), Number(values.documents))
  const [whole, killed] = ["whole", "killed"].map((name) => join(root, name))
  for (const folder of [whole, killed]) mkdirSync(folder)
  // The same command in each folder.
  const started = (folder: string) => () =>
    start(folder, ["eval", ...args, "--concurrent", values.concurrent, "--out", "run"])
  const once = await started(whole)().result
  if (once.code !== 0) throw new Error(once.err)

  const kills = Number(values.kills)
  const [starting, writing] = [Math.floor(kills * 0.3), Math.floor(kills * 0.3)]
  const done = await killedRun(started(killed), {
    out: join(killed, "run"),
    answersOfAll: 3 * Number(values.documents),
    kills: { starting, writing, answering: kills - starting - writing },
    random: randomFrom(Number(values.seed), 0),
  })
  const files = Object.keys(runContents(join(whole, "run")))
  const differing = runDifferences(join(whole, "run"), join(killed, "run"))
  const total = MOMENTS.reduce((sum, moment) => sum + done.kills[moment], 0)
  say(`killed ${total} times: ${MOMENTS.map((moment) => `${done.kills[moment]} while ${moment}`).join(", ")}`)
  say(`answers kept after each: ${done.answers.join(" ")} of ${3 * Number(values.documents)} and 3 first lines`)
  say(`${files.length} files, of which differ: ${differing.join(", ") || "none"}`)
  if (differing.length > 0 || total < kills) process.exitCode = 1
} finally {
  rmSync(root, { recursive: true })
}
