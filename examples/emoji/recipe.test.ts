import { readdirSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { UserError } from "../../src/errors.js"
import { readRecipe } from "../../src/train/config.js"
import { demoSchema } from "./recipe.js"

const recipes = resolve(import.meta.dirname, "recipes")

describe("recipes of the demo", () => {
  it("are all valid", () => {
    const files = readdirSync(recipes)
    expect(files.length).toBeGreaterThan(1)
    for (const file of files) expect(readRecipe(demoSchema, join(recipes, file)).stages).toBeDefined()
  })

  it("are judged as the trainings they become", () => {
    const file = join(recipes, "emoji-quick.yaml")
    const fails = (...overrides: string[]): string => failureOf(() => readRecipe(demoSchema, file, overrides))
    expect(fails("stages.diffusion.learning_rate=5")).toMatch(
      /stages\.diffusion\.learning_rate: as a training: must be at most 1, not 5/,
    )
    expect(fails("training.batch=100000")).toMatch(/training\.batch: as a training: must be at most 4096/)
    expect(fails("training.betas=[1, 1]")).toMatch(/training\.betas\.0: must be below 1/)
    expect(fails("stages.diffusion.mixture=[]")).toMatch(/stages\.diffusion\.mixture: must have at least 1 entries/)
    expect(fails("model.text.depth=1e9")).toMatch(/model\.text\.depth: must be at most 1024/)
    expect(fails("training.augment.scale=[1.2, 0.9]")).toMatch(/the second number must not be the smaller one/)
  })

  it.each([
    [
      "stages.diffusion.block_diffusion.block_size=1000000000",
      "--set stages.diffusion.block_diffusion.block_size: must be at most 65536, not 1000000000",
    ],
    [
      "stages.diffusion.block_diffusion.block_size=10000",
      "--set stages.diffusion.block_diffusion.block_size: as a training: 10000 is above data.max_length, 8192",
    ],
    ["training.batch=1000000", "--set training.batch: as a training: must be at most 4096, not 1000000"],
    ["training.save_every=1e12", "--set training.save_every: must be at most 1000000, not 1000000000000"],
    ["training.seed=-1", "--set training.seed: as a training: must be at least 0, not -1"],
  ])("name their own key once: %s", (override, message) => {
    expect(() => readRecipe(demoSchema, join(recipes, "emoji-quick.yaml"), [override])).toThrow(
      expect.objectContaining({ message }),
    )
  })
})

function failureOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return (error as UserError).format()
  }
  return "no error"
}
