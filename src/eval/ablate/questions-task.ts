/** Questions of a file as a task: what `ablate --questions FILE --metric …` asks and scores. */

import { basename, resolve } from "node:path"
import { requireMetric } from "../metrics.js"
import type { TaskFileInput } from "../own-task/task-file.js"

export interface QuestionsOptions {
  /** LLaVA-format JSON or JSONL: every answer in it is asked for, with the prompts of training. */
  questions: string
  /** Folder that image paths are relative to. @default that of the file */
  imageRoot?: string
  /** Names, with arguments where they have them: "bertscore:FOLDER". */
  metrics: readonly string[]
}

/**
 * The task file that says so: with it in the run's folder, whoever scores the answers anew needs nothing else.
 * @throws UserError for a metric that there is not
 */
export function questionsTask({ questions, imageRoot, metrics }: QuestionsOptions): TaskFileInput {
  for (const metric of metrics) requireMetric(metric)
  const name = basename(questions)
  return {
    task:
      name
        .replace(/\.[^.]*$/, "")
        .replace(/[^\w.-]+/g, "_")
        .replace(/^[^A-Za-z0-9]*/, "")
        .slice(0, 80) || "questions",
    title: name,
    data: resolve(questions),
    ...(imageRoot !== undefined && { image_root: resolve(imageRoot) }),
    format: "llava",
    prompt: "{{question}}",
    target: "{{answer}}",
    score: [...metrics],
  }
}
