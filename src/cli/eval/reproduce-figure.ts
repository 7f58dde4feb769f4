/** Figures 4 and 5 at the paper's scale: models that are here on DetailCaps; what cannot be run is said and not thrown. */

import { join } from "node:path"
import type { TableInput } from "../../eval/ablate/report.js"
import { claimsHere } from "../../eval/reproduce/figure-claims.js"
import type { PaperFigure } from "../../eval/reproduce/paper/figures.js"
import { FIGURE_TOKENS, planFigure } from "../../eval/reproduce/plan-figure.js"
import { findAblation, readAblation } from "../../eval/reproduce/read-ablation.js"
import type { ReproducedPage } from "../../eval/reproduce/report.js"
import { reasonOf } from "../../eval/reproduce/run-tasks.js"
import { closeTasks, type OpenTask, openTasks } from "../../eval/run/open-tasks.js"
import { localCopy } from "../../hub/local-copy.js"
import { computeOn } from "../../models/load.js"
import type { Device, DType } from "../../torch/index.js"
import { downloadObserver } from "../open-model.js"
import { interruptible } from "../process/interrupt.js"
import { isBlind, openSubjects, requireDecodable, runPlan } from "./ablate.js"
import { scoringTools } from "./scoring-tools.js"

const TASK = "detailcaps"

export interface FigureOptions {
  models?: string[]
  results?: string[]
  data: ReadonlyMap<string, string>
  bertscore?: string
  maxTokens?: number
  limit?: number
  concurrent?: number
  dtype: string
  device: string
  /** Everything is written here. */
  out: string
  /** What was typed. */
  command: string
}

/** What was made before is taken; else models are asked, one answer at a time as the paper's speeds are measured. */
export async function reproduceFigure(figure: PaperFigure, options: FigureOptions): Promise<ReproducedPage["figure"]> {
  const { results = [], maxTokens = FIGURE_TOKENS, concurrent = 1 } = options
  const notRun: string[] = []
  const found = findAblation(results)
  const made =
    found ?? (await interruptible((signal) => ablated(figure, { ...options, maxTokens, concurrent }, notRun, signal)))
  const ablation = made === undefined ? undefined : readAblation(made)
  if (!found) notRun.push(...absentModels(figure, options.models))
  const asked = `${TASK}, answers of ${maxTokens} tokens at most (the paper's text has lost how many), decoded and counted as the authors' program does.`
  const shown: TableInput["results"] = ablation?.results ?? []
  return {
    text: found ? "Measured before, by the command below." : asked,
    claims: claimsHere(figure, shown),
    notRun,
    ...(ablation && { found: ablation }),
  }
}

/** @returns the path of the report's numbers; undefined where nothing could be asked */
async function ablated(
  figure: PaperFigure,
  options: FigureOptions & { maxTokens: number; concurrent: number },
  notRun: string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { out, maxTokens, concurrent, limit, command, data } = options
  const models = options.models ?? figure.models.map(({ hub }) => hub).filter((hub) => localCopy(hub) !== undefined)
  if (models.length === 0) return undefined
  const subjects = await subjectsOf(models, options, notRun, signal)
  const plan = planFigure(figure, subjects, maxTokens, notRun)
  if (!plan) return undefined
  const tools = scoringTools(options.bertscore, signal)
  const tasks: OpenTask[] = []
  try {
    const download = downloadObserver("data")
    tasks.push(...(await openTasks([TASK], { data, download: { signal, onEvent: download.onEvent } })))
    download.finish()
    // Hours of answers that cannot be scored would be of no use.
    for (const { task } of tasks) for (const metric of task.metrics) await metric.require?.(tools)
    requireDecodable(subjects, plan.variants, tasks, { compat: true })
  } catch (error) {
    closeTasks(tasks)
    notRun.push(`all: ${reasonOf(error)}`)
    return undefined
  }
  try {
    const compute = computeOn({ dtype: options.dtype as DType | "auto", device: options.device as Device | "auto" })
    const how = { ...compute, tasks, limit, compat: true, concurrent, tools, signal, command }
    const files = await runPlan({ ...plan, title: figure.title }, { ...how, out: join(out, "ablation") })
    return files.find((file) => file.endsWith(".json"))
  } finally {
    closeTasks(tasks)
  }
}

async function subjectsOf(
  models: readonly string[],
  { dtype, device }: FigureOptions,
  notRun: string[],
  signal: AbortSignal,
): ReturnType<typeof openSubjects> {
  const subjects = []
  for (const model of models) {
    try {
      const [subject] = await openSubjects([model], { dtype, device }, signal)
      if (isBlind(subject)) notRun.push(`${model}: it reads text only, and the task is to describe pictures`)
      else subjects.push(subject)
    } catch (error) {
      signal.throwIfAborted()
      const reason = reasonOf(error)
      notRun.push(reason.startsWith(`${model}: `) ? reason : `${model}: ${reason}`)
    }
  }
  return subjects
}

function absentModels({ models }: PaperFigure, given: readonly string[] | undefined): string[] {
  const isGiven = (hub: string): boolean =>
    given === undefined
      ? localCopy(hub) !== undefined
      : given.some((name) => name === hub || name.split(/[/\\]/).at(-1) === hub.split("/")[1])
  const absent = models.filter(({ hub }) => !isGiven(hub))
  if (absent.length === 0) return []
  const names = absent.map(({ title, hub }) => `${title} (${hub})`).join(", ")
  return [`${names}: no model was given for it${given === undefined ? ", and none is on this machine" : ""}`]
}
