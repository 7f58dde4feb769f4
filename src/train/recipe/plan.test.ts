/** Recipes with stages as they are read: nothing is trained. */

import { describe, expect, it } from "vitest"
import { connectorStage, type Keys, SmallStages, wholeStage } from "../../../test/support/small-stages.js"
import { readTrainingRecipe } from "./plan.js"

const parts = SmallStages.forTests()

it("takes a recipe without stages as it always did, and one that adds a tower", () => {
  const { stages, isStaged, output } = parts.plan({ stages: undefined })
  expect([stages.length, isStaged, stages[0].config.output]).toEqual([1, false, output])
  expect(readTrainingRecipe(parts.file({ stages: undefined })).vision).toMatchObject({ connector: "mlp2x_gelu" })
  expect(() => readTrainingRecipe(parts.file({}))).toThrow(/the recipe has 2 stages/)
})

it("puts what a stage says over the rest", () => {
  const keys = {
    lora: { rank: 4 },
    stages: [
      { ...connectorStage, lora: null, data: { file: "/elsewhere.json" } },
      { lora: { dropout: 0.5 }, train: { seed: 7 } },
    ],
  }
  expect(() => parts.plan(keys, ["stages.2.train.seed=1"])).toThrow(
    /"stages\.2\.train\.seed=1" does not fit the recipe/,
  )
  const { stages } = parts.plan(keys, ["train.seed=3", "stages.0.train.max_steps=9"])
  expect(stages.map(({ name }) => name)).toEqual(["connector", "stage 2"])
  const [{ config: first }, { config: second }] = stages
  expect(first.lora).toBeUndefined()
  expect(first.data).toMatchObject({ file: "/elsewhere.json", sampler: "shuffle" })
  expect(first.train).toMatchObject({ tunable: ["projector"], learning_rate: 0.02, seed: 3, max_steps: 9 })
  expect(second.lora).toMatchObject({ rank: 4, dropout: 0.5 })
  expect(second.train).toMatchObject({ learning_rate: 0.005, seed: 7 })
})

describe("refuses", () => {
  const refused = (keys: Keys, sentence: RegExp): void => expect(() => parts.plan(keys)).toThrow(sentence)

  it("keys that cannot be right, with their lines", () => {
    refused({ stages: [{ ...connectorStage, learning: 1 }] }, /line \d+: stages\.0\.learning: there is no such key/)
    refused({ stages: [{ train: { learning_rate: -1 } }] }, /line \d+: stages\.0\.train\.learning_rate: must be/)
    refused({ vision: { tower: "x", conector: "linear" } }, /line \d+: vision\.conector: there is no such key/)
    refused({ vision: { tower: "x", connector: "resampler" } }, /vision\.connector: the connector is "resampler"/)
    refused({ vision: { connector: "linear" } }, /vision\.tower: this key is missing/)
    refused({ stages: {} }, /stages: must be a list/)
    refused({ stages: [] }, /stages: must be a list/)
    refused({ stages: ["all"] }, /stages\.0: must be a section/)
    refused({ stages: [{ name: 5 }] }, /stages\.0\.name: must be a short text/)
    refused({ stages: [{ output: "x" }] }, /stages\.0\.output: this key is for all stages/)
    refused({ stages: [{ model: "x" }] }, /stages\.0\.model: this key is for all stages/)
  })

  it("stages that cannot follow one another", () => {
    refused({ lora: {} }, /stages\.0\.lora: only the last stage may learn adapters/)
    refused({ stages: [connectorStage, { vision: { connector: "linear" } }] }, /vision\.connector: it is chosen once/)
    const cut = /stages\.\d\.vision\.anyres: pictures are cut in another way than before/
    refused({ stages: [{}, { vision: { anyres: 4 } }] }, cut)
    // The second leaves a whole model, since the first did.
    refused({ stages: [wholeStage, connectorStage, { vision: { anyres: 4 } }] }, cut)
    const tiles = { ...connectorStage, vision: { anyres: 4 } }
    expect(parts.plan({ stages: [connectorStage, tiles, { vision: { anyres: 2 } }] }).stages).toHaveLength(3)
  })
})
