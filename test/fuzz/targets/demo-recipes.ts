/** Recipes of the demo: read, planned, and their first model made. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parse } from "yaml"
import { createDemoModel } from "../../../examples/emoji/model.js"
import { measurements } from "../../../examples/emoji/plan.js"
import { demoSchema } from "../../../examples/emoji/recipe.js"
import { readRecipe } from "../../../src/train/recipe/config.js"
import { acceptedAsItIs } from "../accepted.js"
import { mutateText, mutateValue } from "../mutate/json.js"
import { pick } from "../mutate/values.js"
import { mutateYaml, oddSetting } from "../mutate/yaml.js"
import type { Fuzzer } from "../target.js"
import { keysOf, toFile } from "./recipes.js"

const RECIPES = resolve(import.meta.dirname, "../../../examples/emoji/recipes")

async function use(path: string, overrides: string[], folder: string): Promise<void> {
  const recipe = readRecipe(demoSchema, path, overrides)
  measurements(recipe)
  await createDemoModel(join(folder, "model"), recipe, ["a small red house", "a blue fish"])
}

export async function prepare(base: string): Promise<Fuzzer> {
  const names = readdirSync(RECIPES)
  const texts = names.map((name) => readFileSync(join(RECIPES, name), "utf8"))
  const small = { ...parse(texts[0]) }
  small.model = {
    ...small.model,
    vision: { width: 16, depth: 1, heads: 2, mlp: 16 },
    text: { width: 16, depth: 1, heads: 2, kv_heads: 1, mlp: 16 },
  }
  const keys = keysOf(small)
  const path = join(base, "recipe.yaml")
  writeFileSync(path, JSON.stringify(small))
  await acceptedAsItIs("demo recipe", () => use(path, ["training.batch=4"], base))
  return {
    async run({ random, folder, note }) {
      const path = join(folder, "recipe.yaml")
      const kind = random()
      const { bytes, what } =
        kind < 0.1
          ? mutateText(random, texts[0])
          : kind < 0.25
            ? mutateYaml(random, pick(random, texts))
            : toFile(mutateValue(random, small))
      note(what)
      writeFileSync(path, bytes)
      const overrides = random() < 0.25 ? [oddSetting(random, keys)] : []
      if (overrides.length > 0) note(`--set ${overrides[0].slice(0, 80)}`)
      await use(path, overrides, folder)
    },
  }
}
