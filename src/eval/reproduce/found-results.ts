/** Results that were written before, by `eval` or by lmms-eval: nothing that is known is run again. */

import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { explaining } from "../../checkpoint/files.js"
import { isObject, type Json, readJsonObject } from "../../checkpoint/json.js"
import type { TaskMetric } from "../task/task.js"
import { allTasks } from "../tasks/index.js"
import { type KnownScores, type OwnCell, scoreKey } from "./filled-table.js"

export interface FoundResults {
  model: string
  scores: KnownScores
  /** Where it was said how many tokens are denoised together. */
  blockSize?: number
  file: string
}

const RESULTS = /(^|_)results\.json$/
/** Of the folders that are looked through. */
const DEEPEST = 3

/** Of files of the same model the later ones add to the earlier. */
export function findResults(folder: string): FoundResults[] {
  return resultsFiles(folder, 0)
    .sort()
    .flatMap((file) => {
      const json = readJsonObject(file)
      if (!isObject(json.results)) return []
      const blockSize = blockSizeOf(json)
      return [{ model: modelOf(json), scores: scoresOf(json), file, ...(blockSize !== undefined && { blockSize }) }]
    })
}

function resultsFiles(folder: string, depth: number): string[] {
  return explaining(folder, () => {
    if (!statSync(folder).isDirectory()) return [folder]
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return depth < DEEPEST ? resultsFiles(path, depth + 1) : []
      return RESULTS.test(entry.name) ? [path] : []
    })
  })
}

/** lmms-eval names the model among its arguments. */
function modelOf({ model_name, config, model_source }: Json): string {
  const args = isObject(config) && typeof config.model_args === "string" ? config.model_args : ""
  const pretrained = /(?:^|,)pretrained=([^,]+)/.exec(args)?.[1]
  return pretrained ?? String(model_name ?? model_source ?? "unknown")
}

/** Of our own files. */
const runOf = ({ diffusionvl }: Json): Json =>
  isObject(diffusionvl) && isObject(diffusionvl.run) ? (diffusionvl.run as Json) : {}

/** As ablations of block sizes write them. */
function blockSizeOf(json: Json): number | undefined {
  const { tasks } = runOf(json)
  const [task] = Array.isArray(tasks) ? tasks : []
  const size = isObject(task) && isObject(task.decoding) ? task.decoding.blockSize : undefined
  return typeof size === "number" ? size : undefined
}

function scoresOf(json: Json): KnownScores {
  const scores = new Map<string, OwnCell>()
  const { compat } = runOf(json)
  for (const task of allTasks()) {
    const found = (json.results as Json)[task.name]
    if (!isObject(found)) continue
    for (const metric of task.metrics) {
      // Newer versions of lmms-eval have made filters parts of the scoring.
      const value = found[`${metric.name},${task.filter ?? "none"}`] ?? found[`${metric.name},none`]
      if (typeof value !== "number") continue
      scores.set(scoreKey(task.name, metric.name), {
        value,
        scale: metric.scale ?? 100,
        documents: documentsOf(json, task.name),
        ...(typeof compat === "boolean" && { compat }),
        ...certaintyOf(json, task.name, metric),
      })
    }
  }
  return scores
}

function documentsOf({ "n-samples": counts }: Json, task: string): number {
  const count = isObject(counts) && isObject(counts[task]) ? counts[task].effective : undefined
  return typeof count === "number" ? count : 0
}

/** Of our own files. */
function certaintyOf({ diffusionvl }: Json, task: string, { name }: TaskMetric): Pick<OwnCell, "certainty"> {
  const tasks = isObject(diffusionvl) && isObject(diffusionvl.tasks) ? diffusionvl.tasks[task] : undefined
  const metric = isObject(tasks) && isObject(tasks.metrics) ? tasks.metrics[name] : undefined
  const certainty = isObject(metric) && isObject(metric.certainty) ? metric.certainty : undefined
  if (!certainty || !Array.isArray(certainty.interval95)) return {}
  const [low, high] = certainty.interval95 as number[]
  const { standardError, method } = certainty as { standardError: number; method: "mean" }
  return { certainty: { standardError, method, interval: { low, high } } }
}
