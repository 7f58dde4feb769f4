/** Asks a model the documents of tasks. Everything that can be wrong is found before the model is loaded; whoever is stopped goes on. */

import { existsSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { explaining, requireFreeSpace } from "../../checkpoint/files.js"
import { UserError } from "../../errors.js"
import { makeFolder } from "../../make-folder.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import { requireBound } from "../../paradigms/likelihood/bound.js"
import type { LikelihoodBound } from "../../paradigms/paradigm.js"
import { paradigms } from "../../paradigms/registry.js"
import { AnswerFile, hashedName } from "../answer-file.js"
import type { Answerer, ReuseStatistics } from "../answerer/answerer.js"
import type { Subject } from "../answerer/subject.js"
import type { GenerationOptions } from "../task/generation-settings.js"
import type { MetricTools, Task } from "../task/task.js"
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
  /**
   * Of tasks that are scored by likelihood, on diffusion models: estimates of the bound that training lowers. Of other models it is
   * the exact likelihood in any case. @default exact
   */
  bound?: LikelihoodBound
  /** Answers that are decoded at the same time. @default 8 */
  concurrent?: number
  /** Documents that failed are asked again. @default those only whose trouble may pass by itself, such as a server's */
  retryFailed?: boolean
  /** Speeds are compared: answers that another processor gave, or so many others beside them, are not taken. @default false */
  timed?: boolean
  /** What the answers will be scored with: what is missing of it is said before they are asked for. @default not looked at */
  tools?: MetricTools
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

interface Planned {
  open: OpenTask
  generation: TaskGeneration
  asks: string
  likelihood: TaskRecord["likelihood"]
}

/** Of an answer with all that is written about it. */
const BYTES_PER_DOCUMENT = 8_000
const BYTES_BESIDE = 16_000_000

/** A run whose documents were looked at, and whose folder is its own until it is closed. */
export interface OpenRun {
  /** Documents, and those of them without an answer. */
  readonly total: number
  readonly missing: number
  /** An answer that does not count: the first forwards of a model set everything up. */
  warmUp(answerer: Answerer): Promise<void>
  /**
   * @param most answers that are asked for now @default all that are missing
   * @throws the reason of `signal` when it is aborted
   */
  answer(answerer: Answerer, most?: number): Promise<void>
  /** Records that all is answered. */
  end(): Promise<Evaluated>
  close(): void
}

/**
 * @throws UserError for everything that is wrong with options, tasks, data and folder, before the model is loaded; the reason of
 * `signal` when it is aborted: the same call goes on behind the answers that are kept
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluated> {
  const run = await openRun(options)
  try {
    let reuse: ReuseStatistics | undefined
    if (run.missing > 0) {
      const answerer = await options.subject.open()
      await run.answer(answerer)
      reuse = answerer.reuse?.()
    }
    return { ...(await run.end()), reuse }
  } finally {
    run.close()
  }
}

/**
 * For whoever asks one model in several ways, in turns: `evaluate` does all of it.
 * @throws UserError as `evaluate`, before the model is loaded
 */
export async function openRun(options: EvaluateOptions): Promise<OpenRun> {
  const { subject, tasks, out, limit, shard, compat = false, kwargs, decoding, concurrent = 8 } = options
  const { shots, retryFailed, command = "", signal, observer } = options
  const asked = { kwargs, options: decoding, compat, paradigm: subject.paradigm }
  const planned: Planned[] = []
  const bound = options.bound && requireBound(options.bound)
  for (const open of tasks) {
    const generation = generationOf(open.task, asked)
    const first = await tryTask(open)
    subject.check(generation.decoding, first)
    const likelihood = first.choices && likelihoodOf(subject, generation.decoding, bound)
    if (options.tools) for (const metric of open.task.metrics) await metric.require?.(options.tools)
    planned.push({ open, generation, asks: askedHash(first), likelihood })
    signal?.throwIfAborted()
  }
  const documents = sumOf(tasks, ({ documents }) => firstDocuments(documents.count, limit))
  await requireFreeSpace(out, BYTES_BESIDE + documents * BYTES_PER_DOCUMENT)
  const lock = await lockRun(out, [ANSWERS_FOLDER])
  try {
    const answers = join(out, ANSWERS_FOLDER)
    explaining(answers, () => makeFolder(answers))
    const { dtype, device, fingerprint } = subject.record
    const rules = { separator: subject.separator, uncut: compat && subject.paradigm?.masks === false }
    const runs = planned.map(({ open, generation, asks, likelihood }) => {
      const { task, documents, name, data, examples } = open
      const cleaning = cleaningRules(task, { ...rules, stops: generation.stops })
      const bound = typeof likelihood === "object" ? likelihood : undefined
      const pace = options.timed && { concurrent, processor: cpus()[0]?.model }
      const how = {
        decoding: generation.decoding,
        dtype,
        device,
        compat,
        ...cleaning,
        ...(bound && { bound }),
        ...pace,
      }
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
        ...(likelihood && { likelihood }),
        answers: `${hashedName(place.key, place.dependsOn)}.jsonl`,
      }
      return {
        open,
        record,
        run: new TaskRun(task, documents, file, {
          ...{ first, shard, generation, bound, rules: cleaning, retryFailed },
          data: shown,
        }),
      }
    })
    for (const { open, run } of runs) {
      await run.survey(signal, (done) => observer?.surveyed?.(open, done, run.total))
    }
    const [missing, total] = [() => sumOf(runs, ({ run }) => run.missing.length), sumOf(runs, ({ run }) => run.total)]
    const unanswered = missing()
    observer?.begun?.(unanswered, total)
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
    // Whoever reads it meanwhile is not told that it has ended.
    if (unanswered > 0) record = { ...record, ended: undefined }
    await writeRun(out, record)
    return {
      total,
      get missing() {
        return missing()
      },
      async warmUp(answerer) {
        await runs.find(({ run }) => run.missing.length > 0)?.run.warmUp(answerer, signal)
      },
      async answer(answerer, most = Number.POSITIVE_INFINITY) {
        let left = most
        for (const { run } of runs) {
          const before = run.missing.length
          const onAnswer = (answer: KeptAnswer): void => observer?.answered?.(run, answer)
          if (left > 0) await run.answer(answerer, { concurrent, most: left, signal, onAnswer })
          left -= before - run.missing.length
        }
      },
      async end() {
        // Where nothing was asked, it ended when it ended before.
        record = { ...record, ended: record.ended ?? new Date().toISOString() }
        await writeRun(out, record)
        return { record, tasks: runs.map((each) => ({ ...each, answers: each.run.answers })) }
      },
      close: () => lock.release(),
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

const sumOf = <T>(items: readonly T[], number: (item: T) => number): number =>
  items.reduce((sum, item) => sum + number(item), 0)

/** What is told when likelihoods are asked for, as the model is decoded. */
function likelihoodOf(
  { paradigm }: Subject,
  { mode }: DecodingOptions,
  bound: LikelihoodBound | undefined,
): NonNullable<TaskRecord["likelihood"]> {
  if (!paradigm) return "server"
  const { masks } = paradigms().find(({ name }) => name === mode) ?? paradigm
  return bound && masks ? bound : "exact"
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
