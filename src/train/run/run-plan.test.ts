/** Stages that are refused: before anything is written, and without what was trained being lost. */

import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { digestsOf } from "../../../test/support/run-training.js"
import {
  connectorStage,
  type Keys,
  modelOf,
  runStages,
  SmallStages,
  wholeStage,
} from "../../../test/support/small-stages.js"
import { readTrainingPlan, type TrainingPlan } from "../recipe/plan.js"

const parts = SmallStages.forTests()

it("a recipe that was changed, in whatever stage, and keeps what was trained", async () => {
  const keys = { paradigm: "autoregressive" }
  const tried = parts.plan(keys)
  await runStages(tried)
  const change = async (overrides: string[]): Promise<unknown> => {
    const changed = readTrainingPlan(parts.file(keys), overrides)
    return runStages({
      ...changed,
      stages: changed.stages.map((stage, i) => ({
        ...stage,
        config: { ...stage.config, output: tried.stages[i].config.output },
      })),
      output: tried.output,
    })
  }
  const before = digestsOf(modelOf(tried, 2))
  await expect(change(["stages.0.train.learning_rate=0.5"])).rejects.toThrow(
    /train\.learning_rate was 0\.02 and is 0\.5/,
  )
  await expect(change(["stages.1.train.seed=5"])).rejects.toThrow(/train\.seed was 42 and is 5/)
  await expect(change(["vision.connector=linear"])).rejects.toThrow(
    /vision\.connector was "mlp2x_gelu" and is "linear"/,
  )
  await expect(change([`vision.tower=${parts.towers.conv}`])).rejects.toThrow(/started from another model/)
  expect(digestsOf(modelOf(tried, 2))).toEqual(before)
})

it("parts that do not fit, and writes nothing", async () => {
  const none = async (keys: Keys, sentence: RegExp): Promise<void> => {
    const tried = parts.plan({ paradigm: "autoregressive", ...keys })
    await expect(runStages(tried)).rejects.toThrow(sentence)
    expect(existsSync(tried.output), tried.output).toBe(false)
  }
  await none({ model: parts.small.model }, /which sees already/)
  await none({ vision: { tower: parts.small.model } }, /it is a whole model/)
  await none({ vision: { tower: join(parts.folder, "nowhere") } }, /there is no such vision tower/)
  await none({ vision: { tower: parts.towers.siglip, connector: "pixel_shuffle3" } }, /tower and connector do not fit/)
  await none(
    { vision: { tower: parts.towers.siglip, image_token: "<picture>" } },
    /the tokenizer has no token "<picture>"/,
  )
})

describe("what a later stage would be refused for is said before the first one trains", () => {
  const last = (keys: Keys): Keys => ({ stages: [connectorStage, { ...wholeStage, ...keys }] })
  const gone = join(parts.folder, "nowhere")
  it.each<[name: string, keys: () => Keys, sentence: RegExp]>([
    [
      "data that is not there",
      () => last({ data: { file: gone } }),
      /stage 2 \(all\) cannot be trained: .*no such file/,
    ],
    ["pictures that are not there", () => last({ data: { image_root: gone } }), /stage 2 \(all\) cannot be trained/],
    [
      "captions without pictures",
      () => last({ data: { format: "captions", file: parts.text.data } }),
      /stage 2 \(all\) cannot be trained/,
    ],
    ["adapters of no layer", () => last({ lora: { target: ["q_porj"] } }), /means no module|no linear layer/],
    [
      "adapters of no layer where pictures are cut anew",
      () => last({ vision: { anyres: 2 }, lora: { target: ["q_proj", "v_porj"] } }),
      /target "v_porj" means no module/,
    ],
    ["a module that there is not", () => last({ lora: { modules_to_save: ["nothing"] } }), /no module nothing/],
    [
      "settings that its pictures cannot follow",
      () => last({ data: { max_pixels: 100, min_pixels: 10 } }),
      /stage 2 \(all\) .* cannot follow min_pixels/,
    ],
    [
      "features that change",
      () => last({ data: { feature_cache: gone } }),
      /stages\.1\.data\.feature_cache: cannot be used while the tower learns/,
    ],
    [
      "features that change, for a key of all stages",
      () => ({ data: { file: parts.small.data, feature_cache: gone } }),
      /data\.feature_cache: cannot be used .* \(all\)$/m,
    ],
    [
      "features of a tower with adapters",
      () =>
        last({
          train: { tunable: ["language"] },
          lora: { modules_to_save: ["vision_tower"] },
          data: { feature_cache: gone },
        }),
      /stage 2 \(all\) cannot be trained: the tower learns/,
    ],
  ])("%s", async (name, keys, sentence) => {
    const output = join(parts.folder, `checked-${name}`)
    const work = async (): Promise<unknown> => runStages(parts.plan({ paradigm: "autoregressive", ...keys(), output }))
    await expect(work()).rejects.toThrow(sentence)
    expect(existsSync(output)).toBe(false)
  })

  it("and a connector that is there then may have adapters", async () => {
    const keys = last({ vision: { anyres: 2 }, train: { max_steps: 1 }, lora: { rank: 2, target: ["linear_1"] } })
    const events = await runStages(parts.plan({ paradigm: "autoregressive", ...keys }))
    expect(events.at(-1)).toMatchObject({ type: "finished" })
  })
})

it("a stage that a later one has begun with does not go on, and nothing of it is lost", async () => {
  const keys = { paradigm: "autoregressive", output: join(parts.folder, "longer") }
  const tried = parts.plan(keys)
  // In the second stage.
  await runStages(tried, 4)
  const longer = (): TrainingPlan => parts.plan(keys, ["stages.connector.train.max_steps=4"])
  const files = [1, 2].map((stage) => join(tried.output, `stage-${stage}`))
  const before = files.map((folder) => readdirSync(folder, { recursive: true }))
  const weights = readFileSync(join(modelOf(tried, 1), "connector.safetensors"))
  await expect(runStages(longer())).rejects.toThrow(/this stage is longer now than it was \(3 steps\)/)
  expect(files.map((folder) => readdirSync(folder, { recursive: true }))).toEqual(before)
  expect(readFileSync(join(modelOf(tried, 1), "connector.safetensors")).equals(weights)).toBe(true)

  const { identity } = JSON.parse(readFileSync(join(files[1], "checkpoint-1", "trainer_state.json"), "utf8"))
  expect(identity.model.name).toBe(modelOf(tried, 1))
  expect((await runStages(tried)).at(-1)).toMatchObject({ type: "finished" })
  rmSync(join(files[0], "checkpoint-3"), { recursive: true })
  await expect(runStages(tried)).rejects.toThrow(/this stage has no checkpoint, and a later one has begun/)
  rmSync(files[1], { recursive: true })
  expect((await runStages(longer())).at(-1)).toMatchObject({ type: "finished" })
})
