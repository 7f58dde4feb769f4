/** All that is measured of the models. What is done is kept in files: stopped at any moment, the same call goes on there. */

import { createHash } from "node:crypto"
import { appendFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { wholeLines } from "../../src/eval/answer-file.js"
import { type Measured, measure } from "../../src/eval/measure.js"
import { metricNamed, type NamedMetric } from "../../src/eval/metrics.js"
import { type Question, readQuestions } from "../../src/eval/questions.js"
import { loadSession, type Session } from "../../src/generate/session.js"
import { makeFolder } from "../../src/make-folder.js"
import { fileIn } from "../shared/fetch.js"
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
  const { settings, folder, models, data, signal } = input
  makeFolder(join(folder, "evaluation"))
  const asked = await questionsAsked(data, folder)
  const metrics = await metricsOf(data.encoder, signal)
  const all = measurements(settings)
  const textOf = (set: string): TextQuestion[] => data.text.filter((question) => question.set === set)
  const size = (each: Measurement): number => (isText(each) ? textOf(each.set).length : asked[each.set].length)
  const total = all.reduce((sum, each) => sum + size(each), 0)
  const results: Results = { pictures: [], text: [], asked }
  // One model in memory at a time.
  let opened: { name: ModelName; session: Session } | undefined
  const open = (name: ModelName): Session => {
    if (opened?.name !== name)
      opened = { name, session: loadSession(models[name], { dtype: settings.dtype, device: "cpu" }) }
    return opened.session
  }
  let before = 0
  for (const measurement of all) {
    const { model, set } = measurement
    const onAnswer = (done: number): void => input.onQuestion?.(before + done, total, `${model}, ${set}`)
    if (isText(measurement)) {
      const questions = textOf(measurement.set)
      const file = join(folder, "evaluation", `${keyOf(measurement, questions)}.jsonl`)
      const right = await countRight(questions, file, {
        open: () => open(model),
        system: settings.system,
        signal,
        onAnswer,
      })
      results.text.push({ measurement, questions: questions.length, right })
    } else {
      const questions = asked[measurement.set]
      const measured = await measure(() => open(model), questions, {
        decoding: measurement.decoding,
        metrics: measurement.set === "captions" ? metrics.captions : metrics.answers,
        concurrent: settings.evaluation.concurrent,
        file: join(folder, "evaluation", `${keyOf(measurement, questions)}.jsonl`),
        about: measurement,
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
  const folder = dirname(await fileIn(encoder, "model.safetensors"))
  const bert = { ...(await metricNamed(`bertscore:${folder}`, signal)), name: "bertscore" }
  return { answers: [exact], captions: [words, bert] }
}

/** Kept one by one: a line, `true` or `false`, says whether the question of its number was answered right. */
export async function countRight(
  questions: readonly TextQuestion[],
  file: string,
  how: { open: () => Session; system: string; signal?: AbortSignal; onAnswer: (done: number) => void },
): Promise<number> {
  const answers = wholeLines(file).map((line) => line === "true")
  for (const question of questions.slice(answers.length)) {
    how.signal?.throwIfAborted()
    const right = await choosesRight(how.open(), question, how.system)
    appendFileSync(file, `${right}\n`)
    how.onAnswer(answers.push(right))
    // Signals and timers are served between forwards.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return answers.filter(Boolean).length
}

/** A name for people, and a hash of everything that the answers depend on but the model. */
function keyOf(measurement: Measurement, asked: readonly object[]): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([measurement, asked]))
    .digest("hex")
    .slice(0, 8)
  return `${measurement.model}-${measurement.set}-${hash}`
}
