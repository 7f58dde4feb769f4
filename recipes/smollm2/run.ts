/** From packages to a report. Every part that is done is kept: stopped at any moment, the same call goes on there. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { writeFileAtomic, writeJson } from "../../src/checkpoint/files.js"
import { readJsonObject } from "../../src/checkpoint/json.js"
import { UserError } from "../../src/errors.js"
import { finishedModel } from "../../src/train/trainer.js"
import { aloneIn } from "../shared/alone-in.js"
import { Clock } from "../shared/clock.js"
import { keepSettings } from "../shared/keep-settings.js"
import { htmlReport, markdownReport } from "../shared/report-pages.js"
import { trainStage } from "../shared/train-stage.js"
import { evaluateModels } from "./evaluation.js"
import type { RunOptions } from "./options.js"
import { prepareData, prepareModel } from "./prepare.js"
import { reportFrom } from "./report.js"
import { type Stage, secondsPerStep, stagesOf } from "./stages.js"

/** @returns the paths of both reports; undefined when the signal stopped a training: the same call goes on from there */
export async function run(options: RunOptions): Promise<{ html: string; markdown: string } | undefined> {
  return aloneIn(options.folder, () => runAlone(options))
}

async function runAlone(options: RunOptions): Promise<{ html: string; markdown: string } | undefined> {
  const { settings, folder, command, signal, observer } = options
  const { model, data } = options
  await keepSettings({ ...settings, set: options.set ?? [] }, folder, { model, data })
  const clock = new Clock(join(folder, "times.json"))
  const base = await prepareModel(options)
  const prepared = await clock.time("own answers", () => prepareData(options, base))

  const steps = await planSteps(options, { base, data: prepared.file, clock })
  const input = { folder, base, data: prepared.file, seed: settings.seed, dtype: settings.dtype, set: options.set }
  const stages = stagesOf({ ...input, steps: steps.steps })
  const evaluationSeconds = 60 * settings.evaluation.minutes
  for (const [i, stage] of stages.entries()) {
    const rest = stages.slice(i + 1).reduce((sum, { name }) => sum + steps.steps * steps.seconds[name], 0)
    const whole = await clock.time(stage.name, () =>
      trainStage(stage, { after: rest + evaluationSeconds, signal: options.signal, observer: options.observer }),
    )
    if (!whole) return undefined
  }

  const models = {
    base,
    control: finishedModel(stages[1].config.output),
    translated: finishedModel(stages[0].config.output),
  }
  const evaluation = await clock.time("evaluation", () =>
    evaluateModels({
      settings,
      folder,
      models,
      blockSize: stages[0].config.block_diffusion.block_size,
      questions: prepared.heldOut,
      signal,
      onQuestion: (done, total, what, left) => observer.progress("evaluation", done, total, what, left),
    }),
  )
  const report = await reportFrom({
    settings,
    folder,
    command,
    stages,
    models,
    prepared,
    evaluation,
    times: clock.times,
  })
  const [html, markdown] = [join(folder, "report.html"), join(folder, "report.md")]
  await writeFileAtomic(html, htmlReport(report))
  await writeFileAtomic(markdown, markdownReport(report))
  return { html, markdown }
}

interface StepPlan {
  steps: number
  /** Seconds per step of each training, measured here. */
  seconds: Record<Stage["name"], number>
}

/** As many steps as the settings say, or as many as there is time for. Decided once. */
async function planSteps(
  { settings, folder, signal, observer, set }: RunOptions,
  { base, data, clock }: { base: string; data: string; clock: Clock },
): Promise<StepPlan> {
  const file = join(folder, "steps.json")
  if (existsSync(file)) return readJsonObject(file) as unknown as StepPlan
  const { steps: wanted, seed, dtype, minutes, evaluation } = settings
  const plan = await clock.time("measuring", async () => {
    const seconds: Record<string, number> = {}
    for (const stage of stagesOf({ folder, base, data, steps: wanted, seed, dtype, set }))
      seconds[stage.name] = await secondsPerStep(stage, {
        signal,
        onStep: (done, total) => observer.progress("measuring how fast this machine is", done, total, stage.title),
      })
    return seconds as StepPlan["seconds"]
  })
  const spent = Object.values(clock.times).reduce((sum, each) => sum + each, 0)
  const left = 60 * (minutes - evaluation.minutes) - spent
  const steps = Math.min(wanted, Math.floor(left / (plan.translated + plan.control)))
  if (steps < 1)
    throw new UserError(`${minutes} minutes leave no time for training on this machine`, {
      fix: "raise minutes, or lower evaluation.minutes",
    })
  const planned = { steps, seconds: plan }
  await writeJson(file, planned)
  const less = steps < wanted ? ` of ${wanted}: more do not fit into ${minutes} minutes` : ""
  observer.note(
    `${steps} steps${less} · ${plan.translated.toFixed(1)} s each for the translation, ${plan.control.toFixed(1)} s for the control`,
  )
  return planned
}
