/** Asks a model the documents of tasks. Everything that can be wrong is found before the model is loaded; whoever is stopped goes on. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { explaining, requireFreeSpace } from "../../checkpoint/files.js"
import { UserError } from "../../errors.js"
import { makeFolder } from "../../make-folder.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import { AnswerFile, hashedName } from "../answer-file.js"
import type { ReuseStatistics } from "../answerer/answerer.js"
import type { Subject } from "../answerer/subject.js"
import type { GenerationOptions } from "../task/generation-settings.js"
import type { Task } from "../task/task.js"
import { cleaningRules } from "./answer-text.js"
import { generationOf, type TaskGeneration } from "./generation.js"
import { isKeptAnswer, type KeptAnswer } from "./kept-answer.js"
import { type OpenTask, tryTask } from "./open-tasks.js"
import { lockRun } from "./run-folder.js"
import { ANSWERS_FOLDER, RUN_FILE, type RunRecord, readRun, type TaskRecord, writeRun } from "./run-record.js"
import { firstDocuments, type Shard } from "./selection.js"
import { askedHash, dataHash } from "./survey.js"
import { TaskRun } from "./task-run.js"

export interface EvaluateOptions {
  subject: Subject
  tasks: readonly OpenTask[]
  /** The folder of the run: one run writes to it at a time. */
  out: string
  /** Below 1 a part of each task's documents, else so many. @default all */
  limit?: number
  shard?: Shard
  /** Examples that the tasks were opened with, for the record. */
  shots?: number
  compat?: boolean
  /** Of --gen-kwargs. */
  kwargs?: GenerationOptions
  /** Options of decoding; they win. */
  decoding?: DecodingOptions
  /** Answers that are decoded at the same time. @default 8 */
  concurrent?: number
  /** Documents that failed are asked again. @default those only whose trouble may pass by itself, such as a server's */
  retryFailed?: boolean
  /** What was typed, for the record. */
  command?: string
  signal?: AbortSignal
  observer?: Observer
}

/** A task under way. */
export interface RunningTask {
  readonly task: Task
  /** Documents of this run, and those of them that had no answer when it began. */
  readonly total: number
  readonly missing: { readonly length: number }
  /** So far, of tasks whose score is a mean. */
  readonly score: { readonly value: number | undefined }
  /** Documents that could not be asked or answered. */
  readonly failures: readonly KeptAnswer[]
}

/** What is shown while it runs. */
export interface Observer {
  /** @param done documents that were looked at, of `total` */
  surveyed?(task: OpenTask, done: number, total: number): void
  /** All documents were looked at. @param missing those without an answer, of all tasks */
  begun?(missing: number, total: number): void
  answered?(run: RunningTask, answer: KeptAnswer): void
}

export interface Evaluated {
  record: RunRecord
  tasks: { open: OpenTask; run: RunningTask; record: TaskRecord; answers: ReadonlyMap<number, KeptAnswer> }[]
  /** Undefined where no model was asked, or nobody knows. */
  reuse?: ReuseStatistics
}

/** Of an answer with all that is written about it. */
const BYTES_PER_DOCUMENT = 8_000
const BYTES_BESIDE = 16_000_000

/**
 * @throws UserError for everything that is wrong with options, tasks, data and folder, before the model is loaded; the reason of
 * `signal` when it is aborted: the same call goes on behind the answers that are kept
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluated> {
  const { subject, tasks, out, limit, shard, compat = false, kwargs, decoding, concurrent = 8 } = options
  const { shots, retryFailed, command = "", signal, observer } = options
  const asked = { kwargs, options: decoding, compat, paradigm: subject.paradigm }
  const planned: { open: OpenTask; generation: TaskGeneration; asks: string }[] = []
  for (const open of tasks) {
    const generation = generationOf(open.task, asked)
    const first = await tryTask(open)
    subject.check(generation.decoding, first)
    planned.push({ open, generation, asks: askedHash(first) })
    signal?.throwIfAborted()
  }
  const documents = tasks.reduce((sum, { documents }) => sum + firstDocuments(documents.count, limit), 0)
  await requireFreeSpace(out, BYTES_BESIDE + documents * BYTES_PER_DOCUMENT)
  const lock = await lockRun(out, [ANSWERS_FOLDER])
  try {
    const answers = join(out, ANSWERS_FOLDER)
    explaining(answers, () => makeFolder(answers))
    const { dtype, device, fingerprint } = subject.record
    const rules = { separator: subject.separator, uncut: compat && subject.paradigm?.masks === false }
    const runs = planned.map(({ open, generation, asks }) => {
      const { task, documents, name, data, examples } = open
      const cleaning = cleaningRules(task, { ...rules, stops: generation.stops })
      const how = { decoding: generation.decoding, dtype, device, compat, ...cleaning }
      const place = {
        folder: answers,
        key: task.name.replace(/[^\w.-]+/g, "_"),
        dependsOn: [fingerprint, task.name, how],
        isAnswer: isKeptAnswer,
      }
      const file = new AnswerFile<KeptAnswer>({ ...place, about: { task: task.name, model: subject.record, ...how } })
      const shown = dataHash(documents, task, asks)
      const first = firstDocuments(documents.count, limit)
      const record: TaskRecord = {
        task: name,
        ...(data !== undefined && { data }),
        ...(examples !== undefined && { examples }),
        documents: documents.count,
        fingerprint: documents.fingerprint,
        asks,
        first,
        generation: generation.effective,
        decoding: generation.decoding,
        answers: `${hashedName(place.key, place.dependsOn)}.jsonl`,
      }
      return {
        open,
        record,
        run: new TaskRun(task, documents, file, {
          first,
          shard,
          generation,
          rules: cleaning,
          retryFailed,
          data: shown,
        }),
      }
    })
    for (const { open, run } of runs) {
      const total = firstDocuments(open.documents.count, limit)
      await run.survey(signal, (done) => observer?.surveyed?.(open, done, total))
    }
    const missing = runs.reduce((sum, { run }) => sum + run.missing.length, 0)
    observer?.begun?.(
      missing,
      runs.reduce((sum, { run }) => sum + run.total, 0),
    )
    const records = runs.map(({ record }) => record)
    const given = planned[0]?.generation.given ?? {}
    let record: RunRecord = {
      ...{ version: 1, command, model: subject.record, compat, given, concurrent, tasks: records },
      ...(limit !== undefined && { limit }),
      ...(shard && { shard }),
      ...(shots !== undefined && { shots }),
      started: new Date().toISOString(),
    }
    record = goneOn(out, record)
    await writeRun(out, record)
    let reuse: ReuseStatistics | undefined
    if (missing > 0) {
      const answerer = await subject.open()
      for (const { run } of runs)
        await run.answer(answerer, { concurrent, signal, onAnswer: (answer) => observer?.answered?.(run, answer) })
      reuse = answerer.reuse?.()
    }
    // Where nothing was asked, it ended when it ended before.
    const ended = missing === 0 ? record.ended : undefined
    record = { ...record, ended: ended ?? new Date().toISOString() }
    await writeRun(out, record)
    return { record, reuse, tasks: runs.map((each) => ({ ...each, answers: each.run.answers })) }
  } finally {
    lock.release()
  }
}

/** A run that goes on began when it began, so that its results are those of a run that was never stopped. */
function goneOn(out: string, record: RunRecord): RunRecord {
  if (!existsSync(join(out, RUN_FILE))) return record
  const before = readBefore(out)
  const same = (run: RunRecord): string => {
    const { started: _, ended: __, command: ___, concurrent: ____, ...rest } = run
    return JSON.stringify(rest)
  }
  return before && same(before) === same(record) ? { ...record, started: before.started, ended: before.ended } : record
}

/** The record of another version is written anew. */
function readBefore(out: string): RunRecord | undefined {
  try {
    return readRun(out)
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}
