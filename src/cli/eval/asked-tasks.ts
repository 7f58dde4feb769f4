/** What an ablation asks: questions of a file, or tasks as `eval` has them; opened and looked at before anything is loaded or written. */

import { join } from "node:path"
import { UserError } from "../../errors.js"
import { questionsTask } from "../../eval/ablate/questions-task.js"
import { newFileTask, type TaskFileInput, writeTaskFile } from "../../eval/own-task/task-file.js"
import { generationOf } from "../../eval/run/generation.js"
import { closeTasks, type OpenTask, openTasks, tryTask } from "../../eval/run/open-tasks.js"
import type { MetricTools } from "../../eval/task/task.js"
import { downloadObserver } from "../open-model.js"
import { dataOf } from "./task-data.js"

export interface AskedOptions {
  questions?: string
  imageRoot?: string
  metric?: string[]
  tasks?: string[]
  data?: string[]
}

export interface AskedTasks {
  tasks: OpenTask[]
  /** Of a first document: pictures stand in it. */
  showsPictures: boolean
  /** Writes what later commands need to score the answers anew. */
  write(): Promise<void>
}

const METRICS = ["exact", "relaxed"]

/** @throws UserError when there is nothing to ask, it cannot be read, or a score cannot be had */
export async function openAsked(
  { questions, imageRoot, metric = METRICS, tasks: names = [], data = [] }: AskedOptions,
  { out, tools, signal }: { out: string; tools: MetricTools; signal: AbortSignal },
): Promise<AskedTasks> {
  if (questions === undefined && names.length === 0)
    throw new UserError("there is nothing to ask", {
      fix: "give --questions FILE with the expected answers, or --tasks as `eval` has them",
    })
  const file = join(out, "questions.yaml")
  const own: TaskFileInput[] = questions === undefined ? [] : [questionsTask({ questions, imageRoot, metrics: metric })]
  const download = downloadObserver("data")
  const how = { data: new Map(data.map(dataOf)), download: { signal, onEvent: download.onEvent } }
  const tasks = await openTasks([...own.map((content) => newFileTask(content, file)), ...names], how)
  download.finish()
  try {
    let showsPictures = false
    for (const task of tasks) {
      for (const metric of task.task.metrics) await metric.require?.(tools)
      if ((await tryTask(task)).pictures.length > 0) showsPictures = true
    }
    const write = async (): Promise<void> => {
      for (const content of own) await writeTaskFile(file, content)
    }
    return { tasks, showsPictures, write }
  } catch (error) {
    closeTasks(tasks)
    throw error
  }
}

/** Where the answers of all tasks have the same length at most: how long they are is part of how full diffusion decodes. */
export function answerTokens(
  tasks: readonly OpenTask[],
  { maxTokens, compat }: { maxTokens?: number; compat?: boolean },
): number | undefined {
  const paradigm = { masks: true }
  const lengths = tasks.map(
    ({ task }) => generationOf(task, { options: { maxTokens }, compat, paradigm }).decoding.maxTokens,
  )
  return new Set(lengths).size === 1 ? lengths[0] : undefined
}
