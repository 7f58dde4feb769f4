/** The demo from nothing to a report. Every part that is done is kept: stopped at any moment, it goes on there. */

import { existsSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { dirname, join } from "node:path"
import { writeFileAtomic, writeJson } from "../checkpoint/files.js"
import { readJsonObject } from "../checkpoint/read-config.js"
import { UserError } from "../errors.js"
import { renderDemoReport } from "../report/demo-report.js"
import { finishedModel, type TrainingEvent, train } from "../train/trainer.js"
import { type Decoding, DemoAnswerer } from "./answerer.js"
import { type EmojiData, prepareEmojiData, readEmojiRecords } from "./data/prepare.js"
import { GROUPS } from "./data/sources.js"
import { evaluate, firstOfEachTask, type Scores, type Transcript } from "./evaluate.js"
import { createDemoModel } from "./model.js"
import { modelCard } from "./model-card.js"
import { type Measurement, mainDecoding, measurements } from "./plan.js"
import type { DemoRecipe } from "./recipe.js"
import { parameterCount, reportData } from "./report.js"
import { demoStages, type Stage } from "./stages.js"

/** What is shown while the demo runs. */
export interface DemoObserver {
  data(done: number, total: number): void
  training(stage: Stage, event: TrainingEvent): void
  evaluation(done: number, total: number, what: string): void
  /** A part is done, or was found done. */
  note(line: string): void
}

export interface DemoOptions {
  recipe: DemoRecipe
  /** "quick", "full". */
  setting: string
  /** Everything is written here. */
  folder: string
  signal?: AbortSignal
  observer: DemoObserver
}

export interface MeasurementResult {
  measurement: Measurement
  scores: Scores
  transcripts: Transcript[]
}

export interface DemoResult {
  report: string
  results: MeasurementResult[]
}

/** @returns undefined when the signal stopped it: the same call goes on from there */
export async function runDemo({
  recipe,
  setting,
  folder,
  signal,
  observer,
}: DemoOptions): Promise<DemoResult | undefined> {
  await keepRecipe(recipe, folder)
  const data = await prepareData(recipe, folder, observer, signal)
  const initial = join(folder, "initial")
  if (!existsSync(join(initial, "config.json"))) {
    const records = await readEmojiRecords(data.train)
    await createDemoModel(
      initial,
      recipe,
      records.flatMap(({ conversations }) => conversations.map(({ value }) => value.replace("<image>", ""))),
    )
  }
  const stages = demoStages(recipe, { folder, initial, data: data.train })
  for (const stage of stages) if (!(await trainStage(stage, observer, signal))) return undefined
  const results = await evaluateAll(recipe, folder, data, observer, signal)
  if (!results) return undefined
  const report = join(folder, "report.html")
  await writeFileAtomic(report, renderDemoReport(await reportData({ recipe, setting, folder, data, stages, results })))
  for (const stage of stages) {
    const model = finishedModel(stage.config.output)
    if (stage.config.paradigm === "block-diffusion") await keepDecoding(model, mainDecoding(recipe))
    const card = modelCard({ recipe, setting, stage, data, parameters: parameterCount(model), results })
    await writeFileAtomic(join(model, "README.md"), card)
  }
  return { report, results }
}

/** Whoever opens the model decodes as the comparison did. */
async function keepDecoding(model: string, { strategy, threshold }: Decoding): Promise<void> {
  const file = join(model, "generation_config.json")
  await writeJson(file, { ...readJsonObject(file), remasking_strategy: strategy, confidence_threshold: threshold })
}

/** Parts that are done are kept, so they must be those of this recipe. */
async function keepRecipe(recipe: DemoRecipe, folder: string): Promise<void> {
  const file = join(folder, "recipe.json")
  if (existsSync(file)) {
    if (JSON.stringify(readJsonObject(file)) === JSON.stringify(recipe)) return
    throw new UserError("this demo was started with another recipe", {
      where: folder,
      fix: "give another folder with --out, or delete this one",
    })
  }
  await mkdir(folder, { recursive: true })
  await writeJson(file, recipe)
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
async function trainStage(stage: Stage, observer: DemoObserver, signal?: AbortSignal): Promise<boolean> {
  if (existsSync(join(finishedModel(stage.config.output), "config.json"))) {
    observer.note(`${stage.title} · trained before`)
    return true
  }
  for await (const event of train(stage.config, { signal })) {
    observer.training(stage, event)
    if (event.type === "interrupted") return false
  }
  return true
}

async function evaluateAll(
  recipe: DemoRecipe,
  folder: string,
  data: EmojiData,
  observer: DemoObserver,
  signal?: AbortSignal,
): Promise<MeasurementResult[] | undefined> {
  const files = { vendor: data.heldOutVendor, pictures: data.heldOutPictures }
  const records = { vendor: await readEmojiRecords(files.vendor), pictures: await readEmojiRecords(files.pictures) }
  const plan = measurements(recipe).map((measurement) => ({
    measurement,
    asked: firstOfEachTask(records[measurement.set], measurement.questions),
  }))
  const total = plan.reduce((sum, { asked }) => sum + asked.length, 0)
  let done = 0
  const results: MeasurementResult[] = []
  let open: { key: string; answerer: DemoAnswerer } | undefined
  for (const { measurement, asked } of plan) {
    const file = join(folder, "evaluation", `${fileName(measurement)}.json`)
    const kept = existsSync(file) ? (readJsonObject(file) as unknown as MeasurementResult) : undefined
    if (kept && JSON.stringify(kept.measurement) === JSON.stringify(measurement)) {
      results.push(kept)
      done += asked.length
      continue
    }
    const key = `${measurement.model} ${measurement.set}`
    if (open?.key !== key)
      open = { key, answerer: new DemoAnswerer(finishedModel(join(folder, measurement.model)), files[measurement.set]) }
    open.answerer.decoding = measurement.decoding
    try {
      const onAnswer = (): void => observer.evaluation(++done, total, measurement.model)
      const result = {
        measurement,
        ...(await evaluate(open.answerer, asked, { likelihood: measurement.likelihood, signal, onAnswer })),
      }
      await mkdir(dirname(file), { recursive: true })
      await writeJson(file, result)
      results.push(result)
    } catch (error) {
      if (signal?.aborted) return undefined
      throw error
    }
  }
  observer.note(`evaluation · ${total} questions`)
  return results
}

function fileName({ model, set, part, decoding }: Measurement): string {
  const { blockSize, steps, threshold } = decoding ?? {}
  const how = decoding ? `-b${blockSize}-s${steps}${threshold === undefined ? "" : `-t${threshold}`}` : ""
  return `${model}-${set}-${part}${how}`
}
