/** From packages to a report. Every part that is done is kept: stopped at any moment, the same call goes on there. */

import { registerTower } from "diffusionvl"
import { efficientNetLite } from "../../examples/efficientnet-lite0/tower.js"
import { towerOfType } from "../../src/models/towers/registry.js"
import { prepare } from "../../src/train/run/prepare.js"
import { finishedModel } from "../../src/train/trainer.js"
import type { Clock } from "../shared/clock.js"
import type { Report } from "../shared/report-pages.js"
import { type Reports, runRecipe } from "../shared/run.js"
import { trainStage } from "../shared/train-stage.js"
import { evaluateModels } from "./evaluation.js"
import { requireGiven } from "./given.js"
import type { ModelName } from "./plan.js"
import { prepareData, prepareModels } from "./prepare.js"
import { reportFrom } from "./report.js"
import type { RunOptions } from "./settings.js"
import { stagesOf } from "./stages.js"

export async function run(options: RunOptions): Promise<Reports | undefined> {
  if (!towerOfType(efficientNetLite.modelTypes[0])) registerTower(efficientNetLite)
  return runRecipe(options, {
    name: "smollm2-sees",
    check: () => {
      stagesOf(options)
      return requireGiven(options.given)
    },
    work: (clock) => trainAndReport(options, clock),
  })
}

async function trainAndReport(options: RunOptions, clock: Clock): Promise<Report | undefined> {
  const { settings, folder, command, given, signal, observer } = options
  const language = await clock.time("models", () => prepareModels(options))
  const stages = stagesOf(options)
  // What a later training would be refused for is said before the first one begins.
  for (const { config } of stages) prepare(config, { folder: stages[0].config.model, made: [] })
  const data = await clock.time("data", () => prepareData(options))
  for (const stage of stages)
    if (!(await clock.time(stage.name, () => trainStage(stage, { signal, observer })))) return undefined

  const trained = stages.map(({ name, config }) => [name, finishedModel(config.output)])
  const models = { language, ...Object.fromEntries(trained) } as Record<ModelName, string>
  const results = await clock.time("evaluation", () =>
    evaluateModels({
      settings,
      folder,
      models,
      data,
      signal,
      onQuestion: (done, total, what) => observer.progress("evaluation", done, total, what),
    }),
  )
  return reportFrom({ settings, given, command, stages, models, data, results, times: clock.times })
}
