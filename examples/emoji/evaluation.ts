/** All that the demo measures of its models: qualities one after the other, speeds in turns. Every result is kept in a file. */

import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { writeJson } from "../../src/checkpoint/files.js"
import { readJsonObject } from "../../src/checkpoint/json.js"
import type { Session } from "../../src/generate/session.js"
import { makeFolder } from "../../src/make-folder.js"
import { DemoAnswerer, openDemoModel } from "./answerer.js"
import { type EmojiData, readEmojiRecords } from "./data/prepare.js"
import type { EmojiRecord } from "./data/records.js"
import { evaluate, firstOfEachTask, type Scores, type Transcript } from "./evaluate.js"
import { type Contender, type Measurement, measurements, type SetId, speedContenders } from "./plan.js"
import type { DemoRecipe } from "./recipe.js"
import { measureSpeeds, type Speed } from "./speed.js"
import type { StageName } from "./stages.js"

export interface MeasurementResult {
  measurement: Measurement
  scores: Scores
  transcripts: Transcript[]
}

export interface SpeedResult {
  contender: Contender
  speed: Speed
}

export interface DemoEvaluation {
  results: MeasurementResult[]
  /** The control first, which the others' ratios are to. */
  speeds: SpeedResult[]
}

export interface EvaluationInput {
  recipe: DemoRecipe
  /** Of the demo. */
  folder: string
  /** Folders of the models. */
  models: Readonly<Record<string, string>>
  data: EmojiData
  signal?: AbortSignal
  onAnswer?: (done: number, total: number, what: string) => void
}

type Records = Record<SetId, EmojiRecord[]>

export async function readQuestions(data: EmojiData): Promise<Records> {
  return {
    vendor: await readEmojiRecords(data.heldOutVendor),
    pictures: await readEmojiRecords(data.heldOutPictures),
  }
}

/** Answers to be given for everything, options that are scored not counted. */
export function answerCount(recipe: DemoRecipe, records: Records): number {
  const qualities = measurements(recipe).map(({ set, questions }) => firstOfEachTask(records[set], questions).length)
  const { speed_rounds, speed_questions } = recipe.evaluation
  return qualities.reduce((sum, n) => sum + n, 0) + speedContenders(recipe).length * speed_rounds * speed_questions
}

/** @throws the reason of `signal` when it is aborted: the same call goes on from there */
export async function evaluateModels(input: EvaluationInput): Promise<DemoEvaluation> {
  const { recipe, data, signal, onAnswer } = input
  const records = await readQuestions(data)
  const total = answerCount(recipe, records)
  let done = 0
  const sessions = new Map<StageName, Session>()
  const answererOf = ({ model, set = "vendor", decoding }: Contender & { set?: SetId }): DemoAnswerer => {
    const session = sessions.get(model) ?? openDemoModel(input.models[model])
    sessions.set(model, session)
    return new DemoAnswerer(session, set === "vendor" ? data.heldOutVendor : data.heldOutPictures, decoding)
  }

  const results: MeasurementResult[] = []
  for (const measurement of measurements(recipe)) {
    const asked = firstOfEachTask(records[measurement.set], measurement.questions)
    const result = await kept(input.folder, fileName(measurement), { measurement }, async () =>
      evaluate(answererOf(measurement), asked, {
        likelihood: measurement.likelihood,
        signal,
        onAnswer: () => onAnswer?.(++done, total, measurement.model),
      }),
    )
    if (!result.fresh) done += asked.length
    results.push(result.value)
  }

  const contenders = speedContenders(recipe)
  const { speed_rounds: rounds, speed_questions: questions } = recipe.evaluation
  const speeds = await kept(input.folder, "speed", { contenders, rounds, questions }, async () => ({
    speeds: await measureSpeeds(
      contenders.map((contender) => answererOf(contender)),
      records.vendor.filter(({ task }) => task === "describe"),
      { rounds, questions, signal, onAnswer: () => onAnswer?.(++done, total, "speeds, in turns") },
    ),
  }))
  return {
    results,
    speeds: speeds.value.speeds.map((speed, i) => ({ contender: contenders[i], speed })),
  }
}

/** What the file holds when it is the answer to the same question; else what `compute` gives, written there. */
async function kept<Q extends object, A extends object>(
  folder: string,
  name: string,
  question: Q,
  compute: () => Promise<A>,
): Promise<{ value: Q & A; fresh: boolean }> {
  const file = join(folder, "evaluation", `${name}.json`)
  if (existsSync(file)) {
    const value = readJsonObject(file) as Q & A
    const asked = Object.fromEntries(Object.keys(question).map((key) => [key, value[key as keyof Q]]))
    if (JSON.stringify(asked) === JSON.stringify(question)) return { value, fresh: false }
  }
  const value = { ...question, ...(await compute()) }
  makeFolder(dirname(file))
  await writeJson(file, value)
  return { value, fresh: true }
}

function fileName({ model, set, part, decoding }: Measurement): string {
  const { blockSize, steps, threshold } = decoding ?? {}
  const how = decoding ? `-b${blockSize}-s${steps}${threshold === undefined ? "" : `-t${threshold}`}` : ""
  return `${model}-${set}-${part}${how}`
}
