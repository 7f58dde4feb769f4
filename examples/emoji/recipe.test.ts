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
      /stages\.diffusion: as a training, train\.learning_rate: must be at most 1, not 5/,
    )
    expect(fails("training.batch=100000")).toMatch(/stages\.autoregressive: as a training, train\.micro_batch_size/)
    expect(fails("training.betas=[1, 1]")).toMatch(/training\.betas\.0: must be below 1/)
    expect(fails("stages.diffusion.mixture=[]")).toMatch(/stages\.diffusion\.mixture: must have at least 1 entries/)
    expect(fails("model.text.depth=1e9")).toMatch(/model\.text\.depth: must be at most 1024/)
    expect(fails("training.augment.scale=[1.2, 0.9]")).toMatch(/the second number must not be the smaller one/)
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
