/** Training recipes: their YAML, what is set on the command line, and a step or two of what they ask for. */

import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parse } from "yaml"
import { readTrainingRecipe } from "../../../src/train/recipe/plan.js"
import { smallTraining, writeSmallVlm } from "../../support/small-vlm.js"
import { acceptedAsItIs } from "../accepted.js"
import { placeOddFile } from "../mutate/file.js"
import { mutateText, mutateValue, render } from "../mutate/json.js"
import { pick } from "../mutate/values.js"
import { mutateYaml, oddSetting } from "../mutate/yaml.js"
import type { Fuzzer } from "../target.js"
import { trainBriefly } from "./training.js"

const RECIPES = resolve(import.meta.dirname, "../../../recipes")

export async function prepare(base: string): Promise<Fuzzer> {
  const small = await writeSmallVlm(base)
  const text = readFileSync(join(RECIPES, "qwen2.5-vl-3b.yaml"), "utf8")
  const valid = smallTraining(small, "out", { data: { augment: {} } }) as unknown as Record<string, unknown>
  const keys = keysOf(valid)
  const published = parse(text)
  const readAndTrain = async (path: string, overrides: string[], folder: string): Promise<void> => {
    const config = readTrainingRecipe(path, overrides)
    const { max_steps = 2 } = config.train
    // The published recipes name a model on the hub.
    if (config.model !== small.model) return
    await trainBriefly({
      ...config,
      output: join(folder, "out"),
      train: { ...config.train, max_steps: Math.min(max_steps, 2) },
    })
  }
  await acceptedAsItIs("recipe", async () => {
    writeFileSync(join(base, "recipe.yaml"), render(valid))
    await readAndTrain(join(base, "recipe.yaml"), ["train.max_steps=1"], base)
  })
  return {
    async run({ random, folder, note }) {
      const path = join(folder, "recipe.yaml")
      const overrides = random() < 0.25 ? [oddSetting(random, keys)] : []
      const kind = random()
      if (kind < 0.02) note(placeOddFile(random, path))
      else {
        const { bytes, what } =
          kind < 0.1
            ? mutateText(random, text)
            : kind < 0.25
              ? mutateYaml(random, text)
              : toFile(mutateValue(random, kind < 0.35 ? published : valid))
        note(what)
        writeFileSync(path, bytes)
      }
      if (overrides.length > 0) note(`--set ${pick(random, overrides).slice(0, 80)}`)
      await readAndTrain(path, overrides, folder)
    },
  }
}

/** JSON is YAML; what only YAML can say is in mutate/yaml.ts. */
export const toFile = ({ value, what }: { value: unknown; what: string }): { bytes: Uint8Array; what: string } => ({
  bytes: Buffer.from(render(value, 1)),
  what,
})

/** Keys of a recipe as --set names them. */
export const keysOf = (recipe: Record<string, unknown>): string[] =>
  Object.entries(recipe).flatMap(([key, value]) =>
    typeof value === "object" && value !== null ? Object.keys(value).map((inner) => `${key}.${inner}`) : [key],
  )
