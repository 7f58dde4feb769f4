/**
 * docs/guide/harnesses.md, followed: lmms-eval and lm-evaluation-harness ask the server, `eval` asks the model and the server, and all
 * answers are the same, letter for letter. Where DIFFUSIONVL_PYTHON names a Python that has them.
 */

import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect } from "vitest"
import type { RunningServer } from "../../src/serve/running-server.js"
import { serve } from "../../src/serve/serve.js"
import { start } from "../support/program.js"
import { needsPython, python } from "../support/python.js"
import { rawAnswers, resultsOf, sampledAnswers } from "./read-runs.js"

const root = resolve(import.meta.dirname, "../..")
const guide = readFileSync(join(root, "docs/guide/harnesses.md"), "utf8")
const MODELS = ["emoji-diffusion", "emoji-ar"]

let folder: string
let server: RunningServer
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dvl-harnesses-"))
  for (const name of ["examples", "recipes"]) symlinkSync(join(root, name), join(folder, name))
  server = await serve({ models: MODELS, port: 0, dtype: "float32" })
  await server.ready
}, 600_000)
afterAll(async () => {
  await server?.close()
  rmSync(folder, { recursive: true })
})

/** The commands of a section, word by word, for a model. */
function commands(section: string, model: string): string[][] {
  const [, text] = new RegExp(`\n## ${section}\n(.*?)(?=\n## |$)`, "s").exec(guide)!
  return [...text.matchAll(/^\$ ((?:.*\\\n)*.*)$/gm)]
    .map(([, command]) => command.replaceAll("http://127.0.0.1:8080", server.url).replaceAll("emoji-diffusion", model))
    .map((command) => command.split(/[\s\\]+/))
}

async function follow(section: string, model: string): Promise<string> {
  let out = ""
  for (const [name, ...words] of commands(section, model)) {
    if (name === "python" && words[1] !== "venv") out += await python(folder, words)
    if (name !== "npx" || words[1] === "serve") continue
    const { code, out: printed, err } = await start(folder, words.slice(1)).result
    expect(code, err).toBe(0)
    out += printed
  }
  return out
}

const LMMS = needsPython("lmms_eval", "datasets", "openai")
LMMS.describe("lmms-eval", () => {
  for (const model of MODELS)
    LMMS.it(
      `asks ${model} and finds what eval finds`,
      async () => {
        rmSync(join(folder, "runs"), { recursive: true, force: true })
        const printed = await follow("lmms-eval", model)
        for (const task of ["emoji_name", "emoji_choose"]) {
          const [ours, served] = ["ours", "served"].map((run) => rawAnswers(join(folder, "runs", run), task))
          const theirs = sampledAnswers(join(folder, "runs/theirs"), task)
          expect(ours).toHaveLength(80)
          expect(new Set(ours).size).toBeGreaterThan(40)
          expect(served).toEqual(ours)
          expect(theirs).toEqual(ours)
          const scores = ["ours", "served", "theirs"].map(
            (run) => resultsOf(join(folder, "runs", run)).results[task]["exact,none"],
          )
          const [, written] = new RegExp(`\`${model}\` +\\| \`${task}\` +\\| ([\\d.]+)`).exec(guide)!
          expect(scores.map((score) => (score as number).toFixed(4))).toEqual(Array(3).fill(written))
          expect(printed).toMatch(new RegExp(`${task} +exact +([\\d.]+) +\\1 +0\\.0 +0\\.0 to 0\\.0`))
        }
      },
      600_000,
    )
})

const LM = needsPython("lm_eval", "datasets", "aiohttp", "tenacity")
LM.describe("lm-evaluation-harness", () => {
  for (const model of MODELS)
    LM.it(
      `asks ${model} in chats and for texts, and finds what eval finds`,
      async () => {
        rmSync(join(folder, "runs"), { recursive: true, force: true })
        await follow("lm-evaluation-harness", model)
        const task = readFileSync(join(folder, "recipes/emoji-small/tasks/emoji_words.yaml"), "utf8")
        const data = join(root, "recipes/emoji-small/words.jsonl")
        writeFileSync(join(folder, "plain.yaml"), `${task.replace("../words.jsonl", data)}plain: true\n`)
        const how = [model, "--dtype", "float32", "--tasks", "plain.yaml", "--out", "runs/plain"]
        expect((await start(folder, ["eval", ...how]).result).code).toBe(0)
        for (const [ours, theirs] of [
          ["words", "chat"],
          ["plain", "text"],
        ]) {
          const texts = rawAnswers(join(folder, "runs", ours), "emoji_words").map((text) => text.split("\n")[0])
          expect(texts).toHaveLength(40)
          expect(new Set(texts).size).toBeGreaterThan(10)
          expect(sampledAnswers(join(folder, "runs", theirs), "emoji_words")).toEqual(texts)
          const score = resultsOf(join(folder, "runs", ours)).results.emoji_words["exact,none"]
          expect(resultsOf(join(folder, "runs", theirs)).results.emoji_words["exact_match,none"]).toBeCloseTo(
            score as number,
          )
        }
      },
      600_000,
    )
})
