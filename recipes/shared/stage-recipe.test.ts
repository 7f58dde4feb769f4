import { expect, it } from "vitest"
import { stageRecipe } from "./stage-recipe.js"

const file = new URL("../smollm2/control.yaml", import.meta.url)
const read = (...train: string[]) =>
  stageRecipe(file, { usual: ["train.max_steps=7", "train.seed=3"], train, decided: ["data.file=/d", "output=o"] })

it("reads a recipe with what was typed over what is usual", () => {
  const { train, data, output } = read("train.seed=4")
  expect([train.max_steps, train.seed, data.file, output]).toEqual([7, 4, "/d", "o"])
})

it.each([
  ["train.stepz=1", /--train train\.stepz: there is no such key/],
  ["train.max_steps=0", /--train train\.max_steps: must be at least 1/],
  ["seed", /is not KEY=VALUE/],
  ["data.file=mine.json", /--train data\.file: the run itself decides this key/],
])("refuses --train %s", (typed, message) => {
  expect(() => read(typed)).toThrow(message)
  expect(() => read(typed)).not.toThrow("--set")
})
