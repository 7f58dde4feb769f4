/** From packages to a report. Every part that is done is kept: stopped at any moment, the same call goes on there. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { writeJson } from "../../src/checkpoint/files.js"
import { readJsonObject } from "../../src/checkpoint/json.js"
import { UserError } from "../../src/errors.js"
import { finishedModel } from "../../src/train/trainer.js"
import type { Clock } from "../shared/clock.js"
import type { Report } from "../shared/report-pages.js"
import { type Reports, runRecipe } from "../shared/run.js"
import { trainStage } from "../shared/train-stage.js"
import { evaluateModels } from "./evaluation.js"
import { prepareData, prepareModel, requireGiven } from "./prepare.js"
import { reportFrom } from "./report.js"
import type { RunOptions } from "./settings.js"
import { type Stage, secondsPerStep, stagesOf } from "./stages.js"

export const run = (options: RunOptions): Promise<Reports | undefined> =>
  runRecipe(options, {
    name: "smollm2",
    check: () => {
      stagesOf(options)
      requireGiven(options)
    },
    work: (clock) => trainAndReport(options, clock),
  })

async function trainAndReport(options: RunOptions, clock: Clock): Promise<Report | undefined> {
  const { settings, folder, command, signal, observer } = options
  const base = await prepareModel(options)
  const prepared = await clock.time("own answers", () => prepareData(options, base))

  const steps = await planSteps(options, clock)
  const stages = stagesOf(options, steps.steps)
  const evaluationSeconds = 60 * settings.evaluation.minutes
  for (const [i, stage] of stages.entries()) {
    const rest = stages.slice(i + 1).reduce((sum, { name }) => sum + steps.steps * steps.seconds[name], 0)
    const whole = await clock.time(stage.name, () =>
      trainStage(stage, { after: rest + evaluationSeconds, signal, observer }),
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
  return reportFrom({
    settings,
    given: options.given,
    command,
    stages,
    models,
    prepared,
    evaluation,
    times: clock.times,
  })
}

interface StepPlan {
  steps: number
  /** Seconds per step of each training, measured here. */
  seconds: Record<Stage["name"], number>
}

/** As many steps as the settings say, or as many as there is time for. Decided once. */
async function planSteps(options: RunOptions, clock: Clock): Promise<StepPlan> {
  const { settings, folder, signal, observer } = options
  const file = join(folder, "steps.json")
  if (existsSync(file)) return readJsonObject(file) as unknown as StepPlan
  const { steps: wanted, minutes, evaluation } = settings
  const plan = await clock.time("measuring", async () => {
    const seconds: Record<string, number> = {}
    for (const stage of stagesOf(options))
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
