/** All that is measured of the models. What is done is kept in files: stopped at any moment, the same call goes on there. */

import { join } from "node:path"
import { measureInTurns } from "../../src/eval/ablate/measure.js"
import type { Measured } from "../../src/eval/ablate/measured.js"
import { AnswerFile, type AnswerPlace } from "../../src/eval/answer-file.js"
import { LocalAnswerer } from "../../src/eval/answerer/local.js"
import { localSubject } from "../../src/eval/answerer/subject.js"
import { loadSession, type Session } from "../../src/generate/session.js"
import { makeFolder } from "../../src/make-folder.js"
import { computeOn } from "../../src/models/load.js"
import { type Asked, type AskedSets, closeAskedSets, openAskedSets } from "./asked.js"
import { isText, type Measurement, type ModelName, measurements } from "./plan.js"
import type { PreparedData } from "./prepare.js"
import type { Settings } from "./settings.js"
import { choosesRight, type TextQuestion } from "./text-questions.js"

export interface PictureResult {
  measurement: Exclude<Measurement, { set: TextQuestion["set"] }>
  measured: Measured
  /** In the order of the questions. */
  answers: string[]
}

export interface TextResult {
  measurement: Extract<Measurement, { set: TextQuestion["set"] }>
  questions: number
  right: number
}

export interface Results {
  pictures: PictureResult[]
  text: TextResult[]
  /** What was asked about pictures, by set. */
  asked: Record<PictureResult["measurement"]["set"], Asked[]>
}

export interface EvaluationInput {
  settings: Settings
  /** Of the run. */
  folder: string
  models: Readonly<Record<ModelName, string>>
  data: PreparedData
  signal?: AbortSignal
  onQuestion?: (done: number, total: number, what: string) => void
}

/** @throws the reason of `signal` when it is aborted */
export async function evaluateModels(input: EvaluationInput): Promise<Results> {
  const folder = join(input.folder, "evaluation")
  makeFolder(folder)
  const sets = await openAskedSets(input.data, input.folder, folder)
  try {
    return await evaluateOn(sets, folder, input)
  } finally {
    closeAskedSets(sets)
  }
}

async function evaluateOn(sets: AskedSets, folder: string, input: EvaluationInput): Promise<Results> {
  const { settings, models, data, signal } = input
  const compute = computeOn({ dtype: settings.dtype })
  const all = measurements(settings)
  const textOf = (set: string): TextQuestion[] => data.text.filter((question) => question.set === set)
  const size = (each: Measurement): number => (isText(each) ? textOf(each.set).length : sets[each.set].asked.length)
  const total = all.reduce((sum, each) => sum + size(each), 0)
  const asked = Object.fromEntries(Object.entries(sets).map(([set, { asked }]) => [set, asked])) as Results["asked"]
  const results: Results = { pictures: [], text: [], asked }
  // One model in memory at a time.
  let opened: { name: ModelName; session: Session } | undefined
  const open = (name: ModelName): Session => {
    if (opened?.name !== name) opened = { name, session: loadSession(models[name], compute) }
    return opened.session
  }
  let before = 0
  for (const measurement of all) {
    const { model, set } = measurement
    const key = `${model}-${set}`
    const { record, ...subject } = await localSubject(models[model], { ...compute, signal })
    const onAnswer = (done: number): void => input.onQuestion?.(before + done, total, `${model}, ${set}`)
    if (isText(measurement)) {
      const questions = textOf(measurement.set)
      const { system } = settings
      const dependsOn = [record.fingerprint, compute, system, questions]
      const right = await countRight(questions, {
        kept: { folder, key, dependsOn, about: { model, set } },
        open: () => open(model),
        system,
        signal,
        onAnswer,
      })
      results.text.push({ measurement, questions: questions.length, right })
    } else {
      const answering = { ...subject, record, open: async () => new LocalAnswerer(open(model), { record }) }
      const [{ measured, answers }] = await measureInTurns(answering, [{ key, decoding: measurement.decoding }], {
        tasks: [sets[measurement.set].task],
        concurrent: settings.evaluation.concurrent,
        folder,
        signal,
        onAnswer: (_, __, done) => onAnswer(done),
      })
      results.pictures.push({ measurement, measured, answers: [...answers[0].values()].map(({ text }) => text) })
    }
    before += size(measurement)
  }
  return results
}

export interface CountOptions {
  /** Where is kept which were answered right. */
  kept: AnswerPlace
  open: () => Session
  system: string
  signal?: AbortSignal
  onAnswer: (done: number) => void
}

/** @returns how many questions are answered right */
export async function countRight(
  questions: readonly TextQuestion[],
  { kept, open, system, signal, onAnswer }: CountOptions,
): Promise<number> {
  const file = new AnswerFile<{ index: number; right: boolean }>(kept)
  for (const [index, question] of questions.entries()) {
    if (file.answers.has(index)) continue
    signal?.throwIfAborted()
    file.add({ index, right: await choosesRight(open(), question, system) })
    onAnswer(file.answers.size)
    // Signals and timers are served between forwards.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return [...file.answers.values()].filter(({ right }) => right).length
}
