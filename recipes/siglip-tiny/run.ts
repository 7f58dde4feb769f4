/** From drawings to a tower and a report. Stopped at any moment, the same call goes on there. */

import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { saveTower } from "../../src/models/towers/save.js"
import { keepFreedMemory, type Tensor } from "../../src/torch/index.js"
import type { Clock } from "../shared/clock.js"
import type { Report } from "../shared/report-pages.js"
import { type Reports, type RunOptions, runRecipe } from "../shared/run.js"
import { readDrawings } from "./data.js"
import { newWeights, siglipOf, towerConfigOf } from "./model.js"
import { reportFrom } from "./report.js"
import { retrieve } from "./retrieval.js"
import type { Settings } from "./settings.js"
import { vocabularyOf } from "./text.js"
import { type TrainingStep, trainSiglip } from "./training.js"

/** The tower is written to `tower` in the run's folder. */
export const run = (options: RunOptions<Settings>): Promise<Reports | undefined> =>
  runRecipe(options, {
    name: "siglip-tiny",
    check: () => void towerConfigOf(options.settings),
    work: (clock) => trainAndReport(options, clock),
  })

async function trainAndReport(options: RunOptions<Settings>, clock: Clock): Promise<Report | undefined> {
  const { settings, folder, command, signal, observer } = options
  const drawings = await clock.time("drawings", () =>
    readDrawings(join(folder, "emoji"), settings, {
      signal,
      onProgress: (done, total) => observer.progress("drawing", done, total, ""),
    }),
  )
  keepFreedMemory()
  const config = towerConfigOf(settings)
  const vocabulary = vocabularyOf(drawings.train.flatMap(({ texts }) => texts))
  const parts = { config, vocabulary, width: settings.text.width }
  const weights = newWeights(parts, settings.seed)
  const model = siglipOf(parts, weights)
  const log = join(folder, "metrics.jsonl")
  const whole = await clock.time("training", () =>
    trainSiglip({ settings, folder, model, weights, concepts: drawings.train, signal, onStep: watch(log, options) }),
  )
  if (!whole) return undefined

  const tower = join(folder, "tower")
  await rm(tower, { recursive: true, force: true })
  const tensors = new Map<string, Tensor>([...weights].map(([name, tensor]) => [name, tensor.detach()]))
  await saveTower(tower, { config, tensors, pictures: picturesOf(settings.data.size) })
  const retrieved = await clock.time("retrieval", async () => ({
    train: retrieve(model, drawings.train),
    otherVendor: retrieve(model, drawings.otherVendor),
    otherThings: retrieve(model, drawings.otherThings),
  }))
  return reportFrom({ settings, command, drawings, retrieved, weights, losses: readLog(log), times: clock.times })
}

/** SigLIP's image processor. */
const picturesOf = (size: number) => ({
  image_processor_type: "SiglipImageProcessor",
  do_resize: true,
  size: { height: size, width: size },
  resample: 3,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
})

/** Shows each step, and keeps its loss; steps that are made a second time count once. */
function watch(file: string, { settings, observer }: RunOptions<Settings>): (step: TrainingStep) => void {
  let began = false
  return ({ step, loss }) => {
    if (!began) {
      began = true
      const kept = readLog(file).filter((each) => each.step < step)
      writeFileSync(file, kept.map((each) => `${JSON.stringify(each)}\n`).join(""))
    }
    appendFileSync(file, `${JSON.stringify({ step, loss })}\n`)
    observer.progress("training", step + 1, settings.steps, `loss ${loss.toFixed(3)}`)
  }
}

function readLog(file: string): TrainingStep[] {
  if (!existsSync(file)) return []
  // The last line of a run that was killed may be half of one.
  return readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as TrainingStep)
}
