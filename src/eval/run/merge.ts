/** Several shards of a run as one. */

import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { explaining, writeFileAtomic } from "../../checkpoint/files.js"
import { UserError } from "../../errors.js"
import { makeFolder } from "../../make-folder.js"
import { readAnswerFile } from "../answer-file.js"
import { isKeptAnswer, type KeptAnswer } from "./kept-answer.js"
import { lockRun } from "./run-folder.js"
import {
  ANSWERS_FOLDER,
  commandsOf,
  RUN_FILE,
  type RunRecord,
  readRun,
  type TaskRecord,
  writeRun,
} from "./run-record.js"
import { isIn, selected } from "./selection.js"

export interface MergeOptions {
  /** Answers may be missing. @default false: every document must have one */
  partial?: boolean
  /** What was typed, for the record: it stands behind the shards' commands. */
  command?: string
}

/**
 * Writes the answers of all shards, and the record of the whole run, to a folder that holds no run yet.
 * @throws UserError for shards of different runs, and for answers that are missing
 */
export async function mergeRuns(
  folders: readonly string[],
  out: string,
  { partial = false, command }: MergeOptions = {},
): Promise<RunRecord> {
  const shards = folders.map((folder) => ({ folder, run: readRun(folder) }))
  const [first, ...others] = shards
  for (const other of others) requireSameRun(first, other)
  if (folders.some((folder) => resolve(folder) === resolve(out)) || existsSync(join(out, RUN_FILE)))
    throw new UserError("there is a run in the folder already", { where: out, fix: "choose another --out" })
  const tasks = first.run.tasks.map((task) => ({ task, ...unionOf(shards, task) }))
  if (!partial) for (const { task, answers } of tasks) requireAll(task, answers, shards)
  const lock = await lockRun(out, [ANSWERS_FOLDER])
  try {
    const folder = join(out, ANSWERS_FOLDER)
    explaining(folder, () => makeFolder(folder))
    for (const { task, about, answers } of tasks) {
      const lines = [about, ...[...answers.values()].sort((a, b) => a.index - b.index)]
      await writeFileAtomic(join(folder, task.answers), `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`)
    }
    const { shard: _, ...whole } = first.run
    const runs = shards.map(({ run }) => run)
    const ends = runs.map(({ ended }) => ended)
    const last = ends.every((end) => end !== undefined) ? ends.sort().at(-1) : undefined
    const commands = commandsOf(...runs.map((run) => run.command), command)
    const record = { ...whole, command: commands, started: runs.map(({ started }) => started).sort()[0], ended: last }
    await writeRun(out, record)
    return record
  } finally {
    lock.release()
  }
}

interface ShardFolder {
  folder: string
  run: RunRecord
}

/** Answers to one task, of each shard those to its own documents: what else its folder knows may be to an earlier prompt. */
function unionOf(shards: readonly ShardFolder[], { answers: name, first }: TaskRecord) {
  const answers = new Map<number, KeptAnswer>()
  let about: unknown
  for (const { folder, run } of shards) {
    const found = readAnswerFile<KeptAnswer>(join(folder, ANSWERS_FOLDER, name), isKeptAnswer)
    about ??= found.about
    for (const [index, answer] of found.answers) if (index < first && isIn(index, run.shard)) answers.set(index, answer)
  }
  return { about, answers }
}

function requireSameRun(a: ShardFolder, b: ShardFolder): void {
  const differs = (what: string): never => {
    throw new UserError(`it is a shard of another run than ${a.folder}: ${what}`, {
      where: b.folder,
      fix: "run all shards with the same model, tasks and options",
    })
  }
  for (const key of ["name", "dtype", "device", "fingerprint"] as const)
    if (a.run.model[key] !== b.run.model[key])
      differs(
        key === "fingerprint"
          ? "the model's files differ"
          : `the model's ${key} is ${b.run.model[key]}, not ${a.run.model[key]}`,
      )
  if (a.run.compat !== b.run.compat) differs("one of them was run with --compat")
  const names = ({ run }: ShardFolder): string => run.tasks.map(({ task }) => task).join(", ")
  if (names(a) !== names(b)) differs(`its tasks are ${names(b)}, not ${names(a)}`)
  for (const [i, task] of a.run.tasks.entries()) {
    const other = b.run.tasks[i]
    if (task.fingerprint !== other.fingerprint) differs(`the data of ${task.task} differs`)
    if (task.asks !== other.asks) differs(`${task.task} asks something else, such as by another prompt or --shots`)
    if (task.first !== other.first)
      differs(`--limit differs: ${other.first} documents of ${task.task}, not ${task.first}`)
    if (task.answers !== other.answers) differs(`${task.task} was decoded in another way`)
  }
}

function requireAll(
  { task, first }: TaskRecord,
  answers: ReadonlyMap<number, KeptAnswer>,
  shards: readonly ShardFolder[],
): void {
  const missing = selected(first, undefined).filter((index) => !answers.has(index))
  if (missing.length === 0) return
  const count = shards[0].run.shard?.count ?? 1
  const there = new Set(shards.map(({ run }) => run.shard?.index))
  const absent = Array.from({ length: count }, (_, i) => i + 1).filter((index) => !there.has(index))
  throw new UserError(`${missing.length} of ${first} documents have no answer`, {
    where: task,
    fix:
      absent.length > 0
        ? `shards that are not given: ${absent.map((index) => `${index}/${count}`).join(", ")}; --partial scores what there is`
        : "a shard was stopped: run its command again; --partial scores what there is",
  })
}
