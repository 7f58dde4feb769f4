/** Features of a frozen tower are computed once, and learning with them is what it was without. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { digestsOf, lossesOf } from "../../test/support/run-training.js"
import { writeSmallTextModel } from "../../test/support/small-text-model.js"
import { writeSmallTower } from "../../test/support/small-towers.js"
import { type SmallData, writeSmallVlm } from "../../test/support/small-vlm.js"
import { composeModel } from "../models/compose/compose.js"
import { saveComposed } from "../models/compose/save-composed.js"
import { setThreads } from "../torch/index.js"
import { type TrainingConfig, trainingSchema } from "./recipe/config.js"
import { finishedModel, train } from "./trainer.js"

const root = mkdtempSync(join(tmpdir(), "features-"))
const cache = join(root, "cache")
let model: string
let small: SmallData
beforeAll(async () => {
  setThreads(1)
  small = await writeSmallVlm(root)
  const records = JSON.parse(readFileSync(small.data, "utf8")).filter(({ image }: { image?: string }) => image)
  writeFileSync(small.data, JSON.stringify(records))
  const { folder: language } = await writeSmallTextModel(join(root, "text"))
  model = join(root, "composed")
  await saveComposed(model, composeModel({ language, tower: await writeSmallTower(join(root, "tower"), "siglip") }))
})
afterAll(() => rmSync(root, { recursive: true }))

const recipe = (output: string, { data = {}, train = {} }: { data?: object; train?: object } = {}): TrainingConfig =>
  trainingSchema().parse({
    model,
    output: join(root, output),
    paradigm: "autoregressive",
    data: { file: small.data, sampler: "shuffle", ...data },
    train: {
      tunable: ["projector", "language"],
      learning_rate: 0.01,
      micro_batch_size: 2,
      accumulate: 2,
      max_steps: 5,
      dtype: "float32",
      ...train,
    },
  })
const learn = async (config: TrainingConfig): Promise<void> => {
  for await (const _ of train(config));
}
const files = (): string[] =>
  readdirSync(cache).flatMap((tower) => readdirSync(join(cache, tower)).map((name) => join(cache, tower, name)))

it("kept or not, the same is learned, and no picture is computed twice", async () => {
  const kept = recipe("kept", { data: { feature_cache: cache } })
  const [plain, again] = [recipe("plain"), { ...kept, output: join(root, "again") }]
  await learn(plain)
  await learn(kept)
  expect(lossesOf(kept)).toEqual(lossesOf(plain))
  expect(digestsOf(finishedModel(kept.output))).toEqual(digestsOf(finishedModel(plain.output)))
  // Six colours.
  expect(files()).toHaveLength(6)
  const times = files().map((file) => statSync(file).mtimeMs)
  await learn(again)
  expect(files().map((file) => statSync(file).mtimeMs)).toEqual(times)
  expect(lossesOf(again)).toEqual(lossesOf(plain))
})

it("another tower, or another type, has features of its own", async () => {
  await learn(recipe("bfloat16", { data: { feature_cache: cache }, train: { dtype: "bfloat16", max_steps: 1 } }))
  expect(readdirSync(cache)).toHaveLength(2)
})

it("a file that is not whole is named", async () => {
  const damaged = files()
  for (const file of damaged) truncateSync(file, 12)
  await expect(learn(recipe("damaged", { data: { feature_cache: cache } }))).rejects.toThrow(/12 bytes/)
  for (const file of damaged) rmSync(file)
})

it("is refused where what the tower gives changes, or there is none", async () => {
  const kept = { data: { feature_cache: cache } }
  expect(() => recipe("learning", { ...kept, train: { tunable: ["vision", "projector"] } })).toThrow(/the tower learns/)
  const lora = { rank: 2, target: ["q_proj"], modules_to_save: ["vision_tower"] }
  const inside = trainingSchema().parse({ ...recipe("inside", kept), lora })
  await expect(learn(inside)).rejects.toThrow(/the tower learns/)
  await expect(learn({ ...recipe("qwen", { data: { feature_cache: cache } }), model: small.model })).rejects.toThrow(
    /no tower of square tiles/,
  )
  expect(() => recipe("augmented", { data: { feature_cache: cache, augment: {} } })).toThrow(/data\.augment/)
})
