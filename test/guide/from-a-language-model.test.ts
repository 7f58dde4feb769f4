/** docs/guide/from-a-language-model.md, followed: its recipe on a tiny model and tower, and its program. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import * as library from "../../src/index.js"
import { setThreads } from "../../src/torch/index.js"
import { type SmallTextModel, writeSmallTextModel } from "../support/small-text-model.js"
import { writeSmallTower } from "../support/small-towers.js"
import { writeSmallVlm } from "../support/small-vlm.js"

const { composeModel, loadCheckpoint, loadSession, readTrainingPlan, runPlan, saveComposed, saveParts } = library
const guide = readFileSync(resolve(import.meta.dirname, "../../docs/guide/from-a-language-model.md"), "utf8")
const block = (language: string): string => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(guide)![1]
const folder = mkdtempSync(join(tmpdir(), "from-a-language-model-"))
let text: SmallTextModel
let data: string
beforeAll(async () => {
  setThreads(1)
  text = await writeSmallTextModel(join(folder, "text"))
  data = (await writeSmallVlm(folder)).data
})
afterAll(() => rmSync(folder, { recursive: true }))

it("the recipe runs, whatever its parts", async () => {
  const file = join(folder, "two-stages.yaml")
  writeFileSync(file, block("yaml"))
  const output = join(folder, "sees")
  const plan = readTrainingPlan(file, [
    `model=${text.gguf}`,
    `vision.tower=${await writeSmallTower(join(folder, "siglip"), "siglip")}`,
    `data.file=${data}`,
    `output=${output}`,
    "train.dtype=float32",
    "train.max_steps=1",
  ])
  const learned: number[] = []
  for await (const event of runPlan(plan)) if (event.type === "start") learned.push(event.parameters)
  expect(learned).toHaveLength(2)
  expect(learned[0]).toBeLessThan(learned[1] / 4)
  expect(loadSession(join(output, "stage-2", "model")).config.paradigm.name).toBe("block-diffusion")
})

it("the program's functions are there, and do what it says", async () => {
  const [, names] = /import \{ ([^}]*) \} from "diffusionvl"/.exec(block("ts"))!
  for (const name of names.split(", ")) expect(library, name).toHaveProperty(name)
  const tower = await writeSmallTower(join(folder, "small-conv"), "conv")
  const composed = composeModel({ language: text.gguf, tower, connector: "linear", seed: 1 })
  const { model } = loadCheckpoint(composed.checkpoint, { dtype: "float32" })
  await saveComposed(join(folder, "untrained"), composed)
  await saveParts(join(folder, "parts"), composed)
  for (const saved of ["untrained", "parts"])
    expect([...library.loadModel(join(folder, saved)).model.parameters().keys()]).toEqual([
      ...model.parameters().keys(),
    ])
})
