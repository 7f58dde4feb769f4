/** From packages to a report. Every part that is done is kept: stopped at any moment, the same call goes on there. */

import { join } from "node:path"
import { registerTower } from "diffusionvl"
import { efficientNetLite } from "../../examples/efficientnet-lite0/tower.js"
import { writeFileAtomic } from "../../src/checkpoint/files.js"
import { towerOfType } from "../../src/models/towers/registry.js"
import { finishedModel } from "../../src/train/trainer.js"
import { aloneIn } from "../shared/alone-in.js"
import { Clock } from "../shared/clock.js"
import { keepSettings } from "../shared/keep-settings.js"
import { htmlReport, markdownReport } from "../shared/report-pages.js"
import { trainStage } from "../shared/train-stage.js"
import { evaluateModels } from "./evaluation.js"
import type { RunOptions } from "./options.js"
import type { ModelName } from "./plan.js"
import { prepareData, prepareModels } from "./prepare.js"
import { reportFrom } from "./report.js"
import { stagesOf } from "./stages.js"

/** @returns the paths of both reports; undefined when the signal stopped a training: the same call goes on from there */
export async function run(options: RunOptions): Promise<{ html: string; markdown: string } | undefined> {
  if (!towerOfType(efficientNetLite.modelTypes[0])) registerTower(efficientNetLite)
  return aloneIn(options.folder, () => runAlone(options))
}

async function runAlone(options: RunOptions): Promise<{ html: string; markdown: string } | undefined> {
  const { settings, folder, command, signal, observer, set = [] } = options
  const { model, tower, vqa, text, encoder } = options
  await keepSettings({ ...settings, set }, folder, { model, tower, vqa, text, encoder })
  const clock = new Clock(join(folder, "times.json"))
  const { language, composed } = await clock.time("models", () => prepareModels(options))
  const data = await clock.time("data", () => prepareData(options))
  const { captions, conversations } = data.files
  const stages = stagesOf({ settings, folder, composed, captions, conversations, set })
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
  const report = await reportFrom({ settings, folder, command, stages, models, data, results, times: clock.times })
  const [html, markdown] = [join(folder, "report.html"), join(folder, "report.md")]
  await writeFileAtomic(html, htmlReport(report))
  await writeFileAtomic(markdown, markdownReport(report))
  return { html, markdown }
}
