/** The demo from nothing to a report. Every part that is done is kept: stopped at any moment, it goes on there. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { writeFileAtomic, writeJson } from "../../src/checkpoint/files.js"
import { readJsonObject } from "../../src/checkpoint/json.js"
import { lockFolder } from "../../src/checkpoint/lock.js"
import { resolveModel } from "../../src/hub/resolve.js"
import { requirePlaces, requireTrainingPlaces } from "../../src/train/run/output-places.js"
import { finishedModel, type TrainingEvent, train } from "../../src/train/trainer.js"
import { type Decoding, DemoAnswerer, openDemoModel } from "./answerer.js"
import { type EmojiData, prepareEmojiData, readEmojiRecords } from "./data/prepare.js"
import { GROUPS } from "./data/sources.js"
import { firstOfEachTask } from "./evaluate.js"
import { answerCount, type DemoEvaluation, evaluateModels, readQuestions } from "./evaluation.js"
import { keepRecipe, requireDemoFolder } from "./folder.js"
import { forecastTraining, isTrained, secondsPerQuestion } from "./forecast.js"
import { createDemoModel } from "./model.js"
import { modelCard } from "./model-card.js"
import { mainDecoding } from "./plan.js"
import { type DemoRecipe, SCRATCH } from "./recipe.js"
import { renderDemoReport } from "./report/demo-report.js"
import { parameterCount, reportData } from "./report.js"
import { demoStages, type Stage } from "./stages.js"
import { type TimedPart, TimeLeft } from "./time-left.js"

/** What is shown while the demo runs. */
export interface DemoObserver {
  data(done: number, total: number): void
  /**
   * What the parts that are left will cost on this machine, before anything long begins.
   * @returns false: do not begin
   */
  forecast(parts: readonly TimedPart[]): Promise<boolean>
  /** @param left seconds to the end of the demo */
  training(stage: Stage, event: TrainingEvent, left: number): void
  evaluation(done: number, total: number, what: string, left: number): void
  /** A part is done, or was found done. */
  note(line: string): void
}

export interface DemoOptions {
  recipe: DemoRecipe
  /** "quick", "full". */
  setting: string
  /** What to type to do it again. */
  command: string
  /** Everything is written here. */
  folder: string
  signal?: AbortSignal
  observer: DemoObserver
}

export interface DemoResult extends DemoEvaluation {
  report: string
}

const EVALUATION = "evaluation"
/** Questions of each kind that are answered to foresee how long the evaluation takes. */
const FORECAST_QUESTIONS = 3

/** @returns undefined when the signal or the observer stopped it: the same call goes on from there */
export async function runDemo(options: DemoOptions): Promise<DemoResult | undefined> {
  requireDemoFolder(options.folder)
  const lock = lockFolder(options.folder)
  try {
    return await runAlone(options)
  } finally {
    lock.release()
  }
}

async function runAlone(options: DemoOptions): Promise<DemoResult | undefined> {
  const { recipe, setting, command, folder, signal, observer } = options
  requirePlaces({
    folders: ["data", "initial", "evaluation"].map((name) => join(folder, name)),
    files: ["recipe.json", "report.html"].map((name) => join(folder, name)),
  })
  await keepRecipe(recipe, folder)
  const data = await prepareData(recipe, folder, observer, signal)
  const initial = join(folder, "initial")
  const scratch = recipe.start === SCRATCH
  const start = scratch ? undefined : (await resolveModel(recipe.start, { signal })).folder
  if (scratch && !existsSync(join(initial, "config.json"))) {
    const records = await readEmojiRecords(data.train)
    await createDemoModel(
      initial,
      recipe,
      records.flatMap(({ conversations }) => conversations.map(({ value }) => value.replace("<image>", ""))),
    )
  }
  const { first, stages } = demoStages(recipe, { folder, start, initial, data: data.train })
  for (const { config } of stages) requireTrainingPlaces(config.output)

  const parts = await forecast(options, data, stages, start ?? initial)
  if (!(await observer.forecast(parts))) return undefined
  const time = new TimeLeft(parts)
  for (const stage of stages) if (!(await trainStage(stage, time, observer, signal))) return undefined

  const models = {
    autoregressive: first,
    ...Object.fromEntries(stages.map(({ name, config }) => [name, finishedModel(config.output)])),
  }
  let before: number | undefined
  const onAnswer = (done: number, total: number, what: string): void => {
    before ??= done - 1
    time.update(EVALUATION, done - before)
    observer.evaluation(done, total, what, time.seconds)
  }
  const evaluation = await evaluateModels({ recipe, folder, models, data, signal, onAnswer })
  observer.note(
    `evaluation · ${evaluation.results.length} measurements, the speeds of ${evaluation.speeds.length} in turns`,
  )

  const report = join(folder, "report.html")
  const reported = await reportData({ recipe, setting, command, models, data, stages, ...evaluation })
  await writeFileAtomic(report, renderDemoReport(reported))
  for (const stage of stages) {
    const model = finishedModel(stage.config.output)
    if (stage.config.paradigm === "block-diffusion") await keepDecoding(model, mainDecoding(recipe))
    const card = {
      recipe,
      setting,
      command,
      stage,
      data,
      parameters: parameterCount(model),
      results: evaluation.results,
    }
    await writeFileAtomic(join(model, "README.md"), modelCard(card))
  }
  return { report, ...evaluation }
}

/** Seconds per step and per answer here and now; nothing is measured of parts that are done. */
async function forecast(
  { recipe, folder, signal, observer }: DemoOptions,
  data: EmojiData,
  stages: readonly Stage[],
  from: string,
): Promise<TimedPart[]> {
  if (existsSync(join(folder, "report.html"))) return []
  observer.note("measuring how fast this machine is")
  const training = await forecastTraining(stages, from, signal)
  const records = await readQuestions(data)
  const some = firstOfEachTask(records.vendor, FORECAST_QUESTIONS)
  const secondsPerUnit = await secondsPerQuestion(
    new DemoAnswerer(openDemoModel(from), data.heldOutVendor),
    some,
    signal,
  )
  return [...training, { name: EVALUATION, units: answerCount(recipe, records), secondsPerUnit }]
}

/** Whoever opens the model decodes as the comparison did. */
async function keepDecoding(model: string, { strategy, threshold }: Decoding): Promise<void> {
  const file = join(model, "generation_config.json")
  await writeJson(file, { ...readJsonObject(file), remasking_strategy: strategy, confidence_threshold: threshold })
}

async function prepareData(
  recipe: DemoRecipe,
  folder: string,
  observer: DemoObserver,
  signal?: AbortSignal,
): Promise<EmojiData> {
  const { concepts, groups, size, seed } = recipe.data
  const data = await prepareEmojiData(
    join(folder, "data"),
    { concepts, size, seed, signal, ...(groups === "all" && { groups: GROUPS }) },
    ({ done, total }) => observer.data(done, total),
  )
  const { pictures } = data.counts
  observer.note(
    `data · ${data.counts.concepts} concepts, ${pictures.train} pictures to train on, ${pictures.heldOutVendor} of a held-out vendor, ${pictures.heldOutPictures} held out of the others`,
  )
  return data
}

/** @returns false when interrupted */
async function trainStage(
  stage: Stage,
  time: TimeLeft,
  observer: DemoObserver,
  signal?: AbortSignal,
): Promise<boolean> {
  if (isTrained(stage)) {
    observer.note(`${stage.title} · trained before`)
    return true
  }
  let from = 0
  for await (const event of train(stage.config, { signal })) {
    if (event.type === "start") from = event.step
    if (event.type === "step") time.update(stage.name, event.metrics.step + 1 - from)
    observer.training(stage, event, time.seconds)
    if (event.type === "interrupted") return false
  }
  return true
}
