/** A run with its scores: what pages and files are made of. */

import type { RunRecord } from "../run/run-record.js"
import type { Task } from "../task/task.js"
import type { ScoredTask } from "./files/results-json.js"
import type { WrongAnswer } from "./wrong-answers.js"

export interface ScoredRun {
  run: RunRecord
  tasks: (ScoredTask & { task: Task; wrong: WrongAnswer[] })[]
  /** What was written: results, samples, submissions, the page. */
  files: string[]
}
