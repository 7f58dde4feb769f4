/** All that is measured of the models. Every measurement is kept in a file of its own. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { writeJson } from "../../src/checkpoint/files.js"
import { readJsonObject } from "../../src/checkpoint/json.js"
import { hashedName } from "../../src/eval/answer-file.js"
import { makeFolder } from "../../src/make-folder.js"
import { fingerprintOf } from "../../src/models/fingerprint.js"
import { Answerer } from "./answerer.js"
import { evaluate, firstOfEachSet, type Scores, type Transcript } from "./evaluate.js"
import { type Measurement, type ModelName, measurements } from "./plan.js"
import type { Settings } from "./settings.js"
import type { Question } from "./sources.js"

export interface Result {
  measurement: Measurement
  scores: Scores
  transcripts: Transcript[]
}

export interface EvaluationInput {
  settings: Settings
  /** Of the run. */
  folder: string
  models: Readonly<Record<ModelName, string>>
  /** The block size that was trained. */
  blockSize: number
  questions: readonly Question[]
  signal?: AbortSignal
  onQuestion?: (done: number, total: number, what: string, left?: number) => void
}

/** Before, nothing is said of the time that is left. */
const SETTLE_SECONDS = 20

/** @throws the reason of `signal` when it is aborted: the same call goes on from there */
export async function evaluateModels(input: EvaluationInput): Promise<Result[]> {
  const { settings, models, blockSize, questions, signal } = input
  const all = measurements(settings, blockSize).map((measurement) => {
    const asked = firstOfEachSet(questions, measurement.questions)
    return { measurement, asked, units: asked.length * (measurement.likelihood ? 2 : 1) }
  })
  const total = all.reduce((sum, { units }) => sum + units, 0)
  makeFolder(join(input.folder, "evaluation"))
  const results: Result[] = []
  let opened: { name: ModelName; answerer: Answerer } | undefined
  let done = 0
  let computed = 0
  const started = performance.now()
  for (const { measurement, asked, units } of all) {
    const name = `${measurement.model}-${measurement.part.replace(" ", "-")}`
    const dependsOn = [await fingerprintOf(models[measurement.model]), measurement, asked]
    const file = join(input.folder, "evaluation", `${hashedName(name, dependsOn)}.json`)
    if (existsSync(file)) {
      done += units
      results.push(readJsonObject(file) as unknown as Result)
      continue
    }
    // One model in memory at a time.
    if (opened?.name !== measurement.model)
      opened = { name: measurement.model, answerer: new Answerer(models[measurement.model], settings) }
    const { scores, transcripts } = await evaluate(opened.answerer, asked, {
      decoding: measurement.decoding,
      likelihood: measurement.likelihood,
      maxTokens: settings.evaluation.answer_tokens,
      signal,
      onQuestion: () => {
        done++
        computed++
        const seconds = (performance.now() - started) / 1000
        const left = seconds < SETTLE_SECONDS ? undefined : (seconds / computed) * (total - done)
        input.onQuestion?.(done, total, nameOf(measurement), left)
      },
    })
    const result = { measurement, scores, transcripts }
    await writeJson(file, result)
    results.push(result)
  }
  return results
}

export function decodingText(decoding: Measurement["decoding"]): string {
  if (!decoding) return "token by token"
  const { blockSize, steps, threshold } = decoding
  return `block ${blockSize}, ${threshold === undefined ? `${steps} ${steps === 1 ? "step" : "steps"}` : `threshold ${threshold}`}`
}

const nameOf = ({ model, decoding }: Measurement): string => `${model}, ${decodingText(decoding)}`
