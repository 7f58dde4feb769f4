/** Small parts of a model that learns to see, and recipes with stages for it. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import { stringify } from "yaml"
import { setThreads } from "../../src/torch/index.js"
import { readTrainingPlan, type TrainingPlan } from "../../src/train/recipe/plan.js"
import { type PlanEvent, runPlan } from "../../src/train/run/run-plan.js"
import { eventsOf } from "./run-training.js"
import { SMALL_FAMILIES } from "./small-families.js"
import { type SmallTextModel, writeSmallLanguage, writeSmallTextModel } from "./small-text-model.js"
import { writeSmallTower } from "./small-towers.js"
import { type SmallData, writeSmallVlm } from "./small-vlm.js"

export type Keys = Record<string, unknown>
export const connectorStage: Keys = {
  name: "connector",
  train: { tunable: ["projector"], learning_rate: 0.02, max_steps: 3 },
}
export const wholeStage: Keys = { name: "all", train: { max_steps: 3 } }
export const diffusion = { paradigm: "block-diffusion", block_diffusion: { block_size: 4 } }

export class SmallStages {
  readonly folder = mkdtempSync(join(tmpdir(), "dvl-stages-"))
  small!: SmallData
  text!: SmallTextModel
  readonly towers = {} as Record<"siglip" | "conv", string>
  qwen2!: string
  /** The records that have a picture. */
  readonly captions = join(this.folder, "captions.json")
  #outputs = 0

  /** For the tests of a file: written before the first, removed after the last. */
  static forTests(): SmallStages {
    const parts = new SmallStages()
    beforeAll(() => parts.#write())
    afterAll(() => rmSync(parts.folder, { recursive: true }))
    return parts
  }

  async #write(): Promise<void> {
    setThreads(1)
    const { folder } = this
    this.small = await writeSmallVlm(folder)
    const records = JSON.parse(readFileSync(this.small.data, "utf8"))
    writeFileSync(this.captions, JSON.stringify(records.filter(({ image }: { image?: string }) => image)))
    this.text = await writeSmallTextModel(join(folder, "text"))
    const { end } = this.text
    const json = { ...SMALL_FAMILIES.qwen2, use_sliding_window: false, eos_token_id: end, mask_token_id: undefined }
    this.qwen2 = await writeSmallLanguage(join(folder, "qwen2"), this.text, { ...json, max_position_embeddings: 1024 })
    for (const kind of ["siglip", "conv"] as const) this.towers[kind] = await writeSmallTower(join(folder, kind), kind)
  }

  /** A recipe of two stages, the connector's and one of all weights, with other keys over it. */
  file(keys: Keys): string {
    const path = join(this.folder, `recipe-${this.#outputs}.yaml`)
    const recipe = {
      model: this.text.folder,
      vision: { tower: this.towers.siglip },
      output: join(this.folder, `run-${this.#outputs++}`),
      data: { file: this.small.data, sampler: "shuffle" },
      train: { learning_rate: 0.005, micro_batch_size: 2, dtype: "float32", save_every: 100 },
      stages: [connectorStage, wholeStage],
    }
    writeFileSync(path, stringify({ ...recipe, ...keys }))
    return path
  }

  plan(keys: Keys, overrides?: string[]): TrainingPlan {
    return readTrainingPlan(this.file(keys), overrides)
  }
}

export const runStages = (plan: TrainingPlan, stopAfter?: number): Promise<PlanEvent[]> =>
  eventsOf((signal) => runPlan(plan, { signal }), stopAfter)

export const modelOf = (plan: TrainingPlan, stage: number): string => join(plan.output, `stage-${stage}`, "model")
