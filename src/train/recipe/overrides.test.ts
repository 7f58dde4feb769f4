/** What is typed beside a recipe: keys of --set and other options, and keys that nobody knows. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { z } from "zod"
import { failureOf } from "../../../test/support/failure.js"
import { parseYaml, readRecipe, trainingSchema } from "./config.js"
import type { Override } from "./overrides.js"
import { readTrainingPlan } from "./plan.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-overrides-"))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, "recipe.yaml")
writeFileSync(
  file,
  `model: m
output: out
data: { file: d.json }
stages:
  - name: connector
    vision: { tower: t }
    train: { tunable: [projector], max_steps: 3 }
  - name: all of it
    vision: { tower: t }
`,
)

describe("a stage is called by its name or number", () => {
  it.each(["connector", "0"])("%s", (stage) => {
    const { stages } = readTrainingPlan(file, [`stages.${stage}.train.max_steps=9`, `stages.${stage}.data.file=x.json`])
    expect(stages.map(({ config }) => config.train.max_steps)).toEqual([9, undefined])
    expect(stages[0].config.data.file).toBe(join(process.cwd(), "x.json"))
  })

  it("and said where it is not right", () => {
    const failure = failureOf(() => readTrainingPlan(file, ["stages.all of it.train.seed=-1"]))
    expect(failure).toMatch(/--set stages\.1\.train\.seed: must be at least 0/)
    expect(failureOf(() => readTrainingPlan(file, ["stages.all.train.seed=1"]))).toMatch(
      /counted from 0 to 1, or called by their names: connector, all of it$/,
    )
  })
})

it("what every stage says anew is not set for all of them", () => {
  const set = (override: Override): string => failureOf(() => readTrainingPlan(file, [override]))
  expect(set({ key: "vision.tower", value: "x", option: "--tower" })).toMatch(
    /^--tower: every entry of stages says its own vision\.tower, which wins\n {2}set it there: --set stages\.0\.vision\.tower=/,
  )
  expect(set("train.max_steps=5")).toBe("no error")
  expect(set("vision={tower: x, connector: linear}")).toBe("no error")
})

it("an option that stands for a key is named as it was typed", () => {
  const fails = (key: string, value: unknown): string =>
    failureOf(() => readTrainingPlan(file, [{ key, value, option: "--given" } satisfies Override]))
  expect(fails("vision.connector", "mlp")).toMatch(/recipe\.yaml: --given: the connector is "mlp"/)
  expect(fails("data.file.x", 1)).toMatch(/^--given: --given does not fit the recipe/)
})

describe("a key that nobody knows", () => {
  const base = "model: m\noutput: out\ndata: { file: d.json }\n"
  it.each([
    ["trian: { seed: 1 }", "trian", "did you mean train?"],
    ["train: { learnign_rate: 1 }", "train.learnign_rate", "did you mean learning_rate?"],
    ["train: { learningRate: 1 }", "train.learningRate", "did you mean learning_rate?"],
    ["block_difusion: {}", "block_difusion", "did you mean block_diffusion?"],
    ["learning_rate: 1", "learning_rate", "did you mean train.learning_rate?"],
    ["lora: { learning_rate: 1 }", "lora.learning_rate", "did you mean train.learning_rate?"],
    ["vision: { tower: t, nothing_of_all: 1 }", "vision.nothing_of_all", "there are tower, connector, layer, "],
  ])("%s", (line, key, advice) => {
    const failure = failureOf(() => parseYaml(trainingSchema(), `${base}${line}\n`, "r.yaml"))
    expect(failure).toContain(`line 4: ${key}: there is no such key`)
    expect(failure).toContain(advice)
    expect(failure).not.toMatch(/examples/)
  })

  it("inside lists, and of any other schema", () => {
    const tasks = "data: { file: d.json, sampler: grouped, task_mixture: [{ until: 1, task: { a: 1 } }] }"
    expect(failureOf(() => parseYaml(trainingSchema(), `model: m\noutput: o\n${tasks}\n`, "r.yaml"))).toContain(
      "data.task_mixture.0.task: there is no such key: did you mean tasks?",
    )
    const other = join(folder, "other.yaml")
    writeFileSync(other, "velocity: 3\n")
    const schema = z.strictObject({ seed: z.number().default(1), parts: z.record(z.string(), z.number()).optional() })
    expect(failureOf(() => readRecipe(schema, other))).toContain("there is no such key: there are seed, parts")
  })
})
