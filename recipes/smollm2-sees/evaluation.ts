/** All that is measured of the models. What is done is kept in files: stopped at any moment, the same call goes on there. */

import { join } from "node:path"
import { AnswerFile, type AnswerPlace } from "../../src/eval/answer-file.js"
import { type Measured, measure } from "../../src/eval/measure.js"
import { metricNamed, type NamedMetric } from "../../src/eval/metrics.js"
import { type Question, readQuestions } from "../../src/eval/questions.js"
import { loadSession, type Session } from "../../src/generate/session.js"
import { makeFolder } from "../../src/make-folder.js"
import { resolveWithBase } from "../../src/models/adapters/base-model.js"
import { fingerprintOf } from "../../src/models/fingerprint.js"
import { computeOn } from "../../src/models/load.js"
import { encoderIn } from "./given.js"
import { isText, type Measurement, type ModelName, measurements } from "./plan.js"
import type { PreparedData } from "./prepare.js"
import type { Settings } from "./settings.js"
import { choosesRight, type TextQuestion } from "./text-questions.js"

export interface PictureResult {
  measurement: Exclude<Measurement, { set: TextQuestion["set"] }>
  measured: Measured
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
  asked: Record<PictureResult["measurement"]["set"], Question[]>
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
  const { settings, models, data, signal } = input
  const folder = join(input.folder, "evaluation")
  makeFolder(folder)
  const compute = computeOn({ dtype: settings.dtype })
  const asked = await questionsAsked(data, input.folder)
  const metrics = await metricsOf(data.encoder, signal)
  const all = measurements(settings)
  const textOf = (set: string): TextQuestion[] => data.text.filter((question) => question.set === set)
  const size = (each: Measurement): number => (isText(each) ? textOf(each.set).length : asked[each.set].length)
  const total = all.reduce((sum, each) => sum + size(each), 0)
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
    const found = await resolveWithBase(models[model], { signal })
    const fingerprint = await fingerprintOf(found.folder, found.base)
    const onAnswer = (done: number): void => input.onQuestion?.(before + done, total, `${model}, ${set}`)
    if (isText(measurement)) {
      const questions = textOf(measurement.set)
      const { system } = settings
      const dependsOn = [fingerprint, compute, system, questions]
      const right = await countRight(questions, {
        kept: { folder, key, dependsOn, about: { model, set } },
        open: () => open(model),
        system,
        signal,
        onAnswer,
      })
      results.text.push({ measurement, questions: questions.length, right })
    } else {
      const questions = asked[measurement.set]
      const measured = await measure(() => open(model), questions, {
        model,
        fingerprint,
        ...compute,
        decoding: measurement.decoding,
        metrics: measurement.set === "captions" ? metrics.captions : metrics.answers,
        concurrent: settings.evaluation.concurrent,
        folder,
        key,
        signal,
        onAnswer: (_, done) => onAnswer(done),
      })
      results.pictures.push({ measurement, measured })
    }
    before += size(measurement)
  }
  return results
}

async function questionsAsked({ files }: PreparedData, folder: string): Promise<Results["asked"]> {
  const read = (file: string): Promise<Question[]> => readQuestions(file, { imageRoot: folder })
  const questions = await read(files.questions)
  // A picture that is about something else.
  const unseen = questions.map((question, i) => {
    const far = questions[(i + Math.ceil(questions.length / 2)) % questions.length]
    return { ...question, images: far.images }
  })
  return { "easy-vqa": questions, unseen, captions: await read(files.heldOutCaptions) }
}

async function metricsOf(
  encoder: string,
  signal?: AbortSignal,
): Promise<Record<"answers" | "captions", NamedMetric[]>> {
  const [exact, words] = [await metricNamed("exact", signal), await metricNamed("word-f1", signal)]
  const bert = { ...(await metricNamed(`bertscore:${await encoderIn(encoder)}`, signal)), name: "bertscore" }
  return { answers: [exact], captions: [words, bert] }
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
