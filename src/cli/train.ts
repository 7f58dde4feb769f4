/** Shows a training while it runs, and writes its report. */

import { join, resolve } from "node:path"
import { writeFileAtomic } from "../checkpoint/files.js"
import { UserError } from "../errors.js"
import { readConfig } from "../models/read-config.js"
import { architectureOf } from "../models/registry.js"
import { DEFAULT_PARADIGM, paradigmNamed } from "../paradigms/registry.js"
import { readTrainingPlan, type TrainingPlan, withPlanOutput } from "../train/recipe/plan.js"
import { renderTrainingReport } from "../train/report.js"
import { requirePlaces } from "../train/run/output-places.js"
import { type PlanEvent, runPlan } from "../train/run/run-plan.js"
import type { TrainingEvent } from "../train/trainer.js"
import { downloadObserver } from "./open-model.js"
import { interruptible } from "./process/interrupt.js"
import { formatBytes, formatCount, formatDuration } from "./ui/format.js"
import { Progress } from "./ui/progress.js"

interface TrainOptions {
  set?: string[]
  out?: string
}

interface TranslateOptions extends TrainOptions {
  recipe: string
  tower?: string
  connector?: string
  /** What is typed to start the program. */
  program: string
}

const placed = (plan: TrainingPlan, out: string | undefined): TrainingPlan =>
  withPlanOutput(plan, resolve(out ?? plan.output))

const withModel = (plan: TrainingPlan, model: string): TrainingPlan => ({
  ...plan,
  stages: plan.stages.map(({ name, config }) => ({ name, config: { ...config, model } })),
})

export async function trainCommand(recipe: string, { set, out }: TrainOptions): Promise<void> {
  await run(placed(readTrainingPlan(recipe, set), out))
}

export async function translateCommand(
  model: string | undefined,
  { recipe, set = [], out, tower, connector, program }: TranslateOptions,
): Promise<void> {
  const seeing = Object.entries({ tower, connector }).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key: `vision.${key}`, value, option: `--${key}` }],
  )
  if (connector !== undefined && tower === undefined) requireTower(readTrainingPlan(recipe, set))
  const read = placed(readTrainingPlan(recipe, [...set, ...seeing]), out)
  const plan = model === undefined ? read : withModel(read, model)
  const { config } = plan.stages[plan.stages.length - 1]
  // A language model that learns to see is another model afterwards, whatever it is trained as.
  if (!config.vision && plan.stages.every(({ config }) => !paradigmNamed(config.paradigm).masks))
    throw new UserError(`translating means diffusion, the recipe says ${config.paradigm}`, {
      where: recipe,
      fix: `set paradigm: ${DEFAULT_PARADIGM}, or use \`diffusionvl train\``,
    })
  const finished = await run(plan)
  if (finished === undefined) return
  // Of an adapter, the settings of pictures are in its base's folder.
  const question = architectureOf(readConfig(finished.model)).images
    ? '--image FILE "What is this?"'
    : '"What is the time?"'
  process.stdout.write(`try it   ${program} generate --model ${finished.model} ${question}\n`)
}

/** @throws UserError for a recipe without a tower, which a connector was given for */
function requireTower({ stages }: TrainingPlan): void {
  if (stages.some(({ config }) => config.vision)) return
  throw new UserError("a connector leads from a tower, and the recipe names none", {
    where: "--connector",
    fix: "give --tower too, or leave it out",
  })
}

type Finished = Extract<PlanEvent, { type: "finished" }>

/** @returns what came out, or undefined when it was stopped before */
async function run(plan: TrainingPlan): Promise<Finished | undefined> {
  const report = join(plan.output, "report.html")
  requirePlaces({ files: [report] })
  const finished = await runShown(plan)
  if (finished === undefined) return undefined
  await writeFileAtomic(report, renderTrainingReport(plan, finished.stages))
  process.stdout.write(`report   ${report}\n`)
  return finished
}

async function runShown(plan: TrainingPlan): Promise<Finished | undefined> {
  let progress = new Progress(plan.stages[0].config.paradigm)
  return interruptible(async (signal) => {
    const download = downloadObserver(plan.stages[0].config.model)
    let stage = 0
    for await (const event of runPlan(plan, { signal, onDownload: download.onEvent })) {
      if (event.type === "stage") {
        stage = event.index
        progress = new Progress(plan.stages[stage].config.paradigm)
        progress.note(`stage ${event.index + 1} of ${event.count} · ${event.name}`)
        continue
      }
      if (event.type === "finished") return event
      if (event.type === "start") download.finish()
      show(progress, event)
      if (event.type !== "done") continue
      const { output } = plan.stages[stage].config
      process.stdout.write(
        `model    ${event.model}\nmetrics  ${join(output, "metrics.jsonl")} (and TensorBoard files in ${join(output, "tensorboard")})\n`,
      )
    }
    return undefined
  })
}

function show(progress: Progress, event: TrainingEvent): void {
  switch (event.type) {
    case "start":
      progress.note(
        `${formatCount(event.parameters)} parameters to train · ${formatCount(event.samples)} samples · ${event.dtype} on ${event.device}${event.step > 0 ? ` · going on at step ${event.step}` : ""}`,
      )
      break
    case "step": {
      const { step, progress: part, loss, tokensPerSecond, memoryBytes } = event.metrics
      progress.update(part, 1, [
        `step ${step}`,
        `loss ${loss.toFixed(3)}`,
        `${formatCount(tokensPerSecond)} tokens/s`,
        formatBytes(memoryBytes),
      ])
      break
    }
    case "checkpoint":
      progress.note(`checkpoint ${event.folder}`)
      break
    case "interrupted":
      progress.finish(`stopped at step ${event.step}; the same command goes on from ${event.folder}`)
      break
    case "done":
      progress.finish(`trained in ${formatDuration(event.seconds)}`)
  }
}
