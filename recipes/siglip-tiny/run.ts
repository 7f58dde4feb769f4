/** From drawings to a tower and a report. Stopped at any moment, the same call goes on there. */

import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { writeFileAtomic } from "../../src/checkpoint/files.js"
import { saveTower } from "../../src/models/towers/save.js"
import { keepFreedMemory, type Tensor } from "../../src/torch/index.js"
import { aloneIn } from "../shared/alone-in.js"
import { Clock } from "../shared/clock.js"
import { keepSettings } from "../shared/keep-settings.js"
import type { Observer } from "../shared/observer.js"
import { htmlReport, markdownReport } from "../shared/report-pages.js"
import { readDrawings } from "./data.js"
import { newWeights, siglipOf, towerConfigOf } from "./model.js"
import { reportFrom } from "./report.js"
import { retrieve } from "./retrieval.js"
import type { Settings } from "./settings.js"
import { vocabularyOf } from "./text.js"
import { type TrainingStep, trainSiglip } from "./training.js"

export interface RunOptions {
  settings: Settings
  /** Everything is written here; the tower in `tower`. */
  folder: string
  /** What to type to do it again. */
  command: string
  signal?: AbortSignal
  observer: Observer
}

/** @returns the paths of both reports; undefined when the signal stopped the training: the same call goes on from there */
export async function run(options: RunOptions): Promise<{ html: string; markdown: string } | undefined> {
  return aloneIn(options.folder, () => runAlone(options))
}

async function runAlone(options: RunOptions): Promise<{ html: string; markdown: string } | undefined> {
  const { settings, folder, command, signal, observer } = options
  await keepSettings(settings, folder)
  const clock = new Clock(join(folder, "times.json"))
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
  const report = reportFrom({
    settings,
    command,
    drawings,
    retrieved,
    weights,
    losses: readLog(log),
    times: clock.times,
  })
  const [html, markdown] = [join(folder, "report.html"), join(folder, "report.md")]
  await writeFileAtomic(html, htmlReport(report))
  await writeFileAtomic(markdown, markdownReport(report))
  return { html, markdown }
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
function watch(file: string, { settings, observer }: RunOptions): (step: TrainingStep) => void {
  let first: { step: number; at: number } | undefined
  return ({ step, loss }) => {
    if (!first) {
      first = { step, at: performance.now() }
      const kept = readLog(file).filter((each) => each.step < step)
      writeFileSync(file, kept.map((each) => `${JSON.stringify(each)}\n`).join(""))
    }
    appendFileSync(file, `${JSON.stringify({ step, loss })}\n`)
    const done = step - first.step
    const left = done > 0 ? ((performance.now() - first.at) / 1000 / done) * (settings.steps - step - 1) : undefined
    observer.progress("training", step + 1, settings.steps, `loss ${loss.toFixed(3)}`, left)
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
