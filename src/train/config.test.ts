import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { demoSchema } from "../demo/recipe.js"
import { parseYaml, readRecipe, readTrainingRecipe, trainingSchema } from "./config.js"

const recipes = resolve(import.meta.dirname, "../../recipes")
const folder = mkdtempSync(join(tmpdir(), "dvl-recipe-"))
afterAll(() => rmSync(folder, { recursive: true }))

const write = (text: string): string => {
  const file = join(folder, "recipe.yaml")
  writeFileSync(file, text)
  return file
}
const SMALL = "model: m\noutput: out\ndata:\n  file: data.json\n"

describe("recipes", () => {
  it("that ship are all valid", () => {
    const files = readdirSync(recipes)
    expect(files.length).toBeGreaterThan(3)
    for (const file of files) {
      if (file.startsWith("emoji-")) expect(readRecipe(demoSchema, join(recipes, file)).stages).toBeDefined()
      else expect(readTrainingRecipe(join(recipes, file)).model).toContain("Qwen")
    }
  })

  it("of the paper have the authors' settings", () => {
    for (const size of ["3b", "7b"]) {
      const { block_diffusion, data, train } = readTrainingRecipe(join(recipes, `qwen2.5-vl-${size}.yaml`))
      expect(block_diffusion).toEqual({
        block_size: 8,
        noise: "ordered",
        noise_range: [0.001, 1],
        shift: "same",
        weight: "1/t",
        learn: "authors",
        copies: 1,
      })
      expect(data).toMatchObject({ image_aspect: "pad", max_length: 8192, min_pixels: 147456, max_pixels: 262144 })
      expect(train).toMatchObject({
        learning_rate: 1e-5,
        vision_learning_rate: 2e-6,
        weight_decay: 0,
        betas: [0.9, 0.999],
        max_grad_norm: 1,
        warmup_ratio: 0.03,
        epochs: 1,
      })
      expect(train.micro_batch_size * train.accumulate).toBe(256)
    }
  })

  it("take data paths from their own folder, and overrides from the command line", () => {
    const config = readTrainingRecipe(write(SMALL), [
      "train.max_steps=7",
      "block_diffusion.noise=uniform",
      "data.augment={flip: 1}",
    ])
    expect(config.data.file).toBe(join(folder, "data.json"))
    const pictures = readTrainingRecipe(write(`${SMALL}  image_root: pictures\n`)).data.image_root
    expect(pictures).toBe(join(folder, "pictures"))
    expect(readTrainingRecipe(write(SMALL), ["data.file=here.json"]).data.file).toBe(resolve("here.json"))
    expect(config.train.max_steps).toBe(7)
    expect(config.block_diffusion.noise).toBe("uniform")
    expect(config.data.augment?.flip).toBe(1)
  })

  it.each([
    [`${SMALL}train:\n  learnign_rate: 1\n`, /line 6.*learnign_rate/],
    [`${SMALL}train:\n  learning_rate: fast\n`, /line 6: train\.learning_rate/],
    [`${SMALL}block_diffusion: { noise: loud }\n`, /line 5: block_diffusion\.noise/],
    [`${SMALL}block_diffusion: { noise_range: [0, 1] }\n`, /line 5: block_diffusion\.noise_range: noise of 0/],
    [`${SMALL}block_diffusion: { noise_range: [0.7, 0.3] }\n`, /the second number must be the larger/],
    [`${SMALL}train: { tunable: [] }\n`, /tunable/],
    ["model: [m\n", /mend the YAML|flow/i],
    ["", /model/],
  ])("name the line of what is wrong: %j", (text, sentence) => {
    const failure = (() => {
      try {
        parseYaml(trainingSchema, text, "r.yaml")
      } catch (error) {
        return error as { format(): string }
      }
      throw new Error("no error")
    })()
    expect(failure.format()).toMatch(sentence)
    expect(failure.format()).toContain("r.yaml")
  })

  it("that are not there, and overrides without a value, are errors in a sentence", () => {
    expect(() => readTrainingRecipe(join(folder, "none.yaml"))).toThrow(/cannot read the recipe/)
    expect(() => readTrainingRecipe(write(SMALL), ["train.max_steps"])).toThrow(/KEY=VALUE/)
    expect(() => readTrainingRecipe(write(SMALL), ["data.file.x=1"])).toThrow(/does not fit the recipe/)
    expect(() => readTrainingRecipe(write("model: [m\n"), ["train.max_steps=1"])).toThrow(/flow|unexpected|expected/i)
  })
})
