import { readdirSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { readRecipe } from "../../src/train/recipe/config.js"
import { failureOf } from "../../test/support/failure.js"
import { demoSchema, requireEffect } from "./recipe.js"

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
    for (const concepts of ["0", "1", "3", "4.5"])
      expect(fails(`data.concepts=${concepts}`)).toMatch(
        /data\.concepts: must be a whole number of at least 4, .*or all/,
      )
    expect(fails("data.concepts=4")).toBe("no error")
    expect(fails("data.concepts=all")).toBe("no error")
    expect(fails("start=https://hf.co/org/name/tree/v2")).toMatch(/start: .*give the id instead: org\/name@v2$/m)
    expect(fails("stages.diffusion.task_mixture.0.until=0.5")).toMatch(/the last `until` must be 1/)
    expect(fails("stages.diffusion.task_mixture=[]")).toMatch(
      /stages\.diffusion\.task_mixture: must have at least 1 entry/,
    )
    expect(fails("model.text.depth=1e9")).toMatch(/model\.text\.depth: must be at most 1024/)
    expect(fails("training.augment.scale=[1.2, 0.9]")).toMatch(/the second number must not be the smaller one/)
  })

  it("set nothing that only a training from scratch reads, where it starts from a model", () => {
    const file = join(recipes, "emoji-quick.yaml")
    const set = (...overrides: string[]): string =>
      failureOf(() => requireEffect(readRecipe(demoSchema, file, overrides), overrides))
    for (const key of ["model.text.heads=2", "tokenizer.vocabulary=512", "stages.autoregressive.steps=3"]) {
      expect(set(key)).toMatch(
        new RegExp(`^--set ${key.replace(/=.*/, "")}: counts only with --from-scratch: .*emoji-ar-small\\n`),
      )
      expect(set(key, "start=scratch")).toBe("no error")
    }
    expect(set("tokenizer={vocabulary: 512}")).toMatch(/--set tokenizer: counts only/)
    expect(set("stages.diffusion.steps=3", "training.seed=2", "data.seed=2")).toBe("no error")
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
