/** The command line that recipes share: what it shows, what it runs, and what it says to type to do the same again. */

import { join, resolve } from "node:path"
import { beforeEach, expect, it } from "vitest"
import { z } from "zod"
import { main } from "../../src/cli/main.js"
import { printedByTest } from "../../test/support/printed.js"
import { commandsOf } from "./command.js"
import type { RunOptions } from "./run.js"

const printed = printedByTest()
const runs: RunOptions<object, "tower">[] = []
beforeEach(() => {
  runs.length = 0
})

const commands = commandsOf(
  {
    name: "smollm2-sees",
    description: "teaches",
    seed: "of the noise",
    given: { tower: ["folder", "a tower"] },
    train: "all recipes",
    load: async () => ({
      settingsSchema: z.looseObject({ seed: z.int() }),
      run: async (options) => {
        runs.push(options)
        options.observer.progress("training", 1, 2)
        return { html: resolve("a/report.html"), markdown: resolve("a/report.md") }
      },
    }),
  },
  "node recipes/smollm2-sees/run.mjs",
)
const run = async (...args: string[]) => {
  await main(["node", "run.mjs", ...args], undefined, commands)
  const code = process.exitCode
  process.exitCode = undefined
  return { code, printed: printed() }
}

it("shows its own options, and runs without any", async () => {
  const { code, printed: help } = await run("--help")
  expect(code).toBe(0)
  expect(help).toMatch(/^Usage: node recipes\/smollm2-sees\/run\.mjs \[options\]\n\nteaches\n/)
  for (const option of ["--out <folder>", "--recipe <file>", "--seed <n>", "--tower <folder>", "--set <", "--train <"])
    expect(help).toContain(option)
  expect(runs).toEqual([])

  expect(await run()).toMatchObject({
    code: 0,
    printed: expect.stringContaining("report   a/report.html and a/report.md\n"),
  })
  const { folder, given, train, command } = runs[0]
  expect([folder, given, train]).toEqual([resolve("runs/smollm2-sees"), {}, []])
  expect(command).toBe("node recipes/smollm2-sees/run.mjs --out runs/smollm2-sees")
})

it("hands over what was typed, and says it again", async () => {
  const file = join(import.meta.dirname, "../smollm2-sees/recipe.yaml")
  const args = [
    "--recipe",
    file,
    "--seed",
    "7",
    "--tower",
    "my tower",
    "--set",
    "concepts=9",
    "--train",
    "train.seed=3",
  ]
  expect(await run("--out", "x", ...args)).toMatchObject({ code: 0 })
  const [{ settings, given, train, command }] = runs
  expect(settings).toMatchObject({ seed: 7, concepts: 9 })
  expect([given, train]).toEqual([{ tower: resolve("my tower") }, ["train.seed=3"]])
  expect(command).toBe(
    `node recipes/smollm2-sees/run.mjs --out x --recipe ${file} --seed 7 --tower 'my tower' --set concepts=9 --train train.seed=3`,
  )
})

it.each([
  [2, ["--out", ""], /path of a folder, not empty/],
  [2, ["--tower", " "], /path of a folder, not empty/],
  [2, ["--recipe", "https://x.org/y"], /given as an https: URL/],
  [2, ["--seed", "one"], /whole number/],
  [
    2,
    ["--towr", "x"],
    /Did you mean --tower\?\)\n.*\(node recipes\/smollm2-sees\/run\.mjs --help lists its options\)/s,
  ],
  [2, ["smollm2-sees"], /too many arguments/],
  [1, ["--set", "seed=x"], /recipe\.yaml: --set seed: /],
  [1, ["--recipe", "nowhere.yaml"], /nowhere\.yaml/],
])("ends with %i for %j", async (code, args, message) => {
  expect(await run(...args)).toEqual({ code, printed: expect.stringMatching(message) })
  expect(runs).toEqual([])
})
