/** What a run was: run.json of its folder, with which its answers can be scored again, and put together with other shards'. */

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { explaining, writeJson } from "../../checkpoint/files.js"
import { UserError } from "../../errors.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import type { LikelihoodBound } from "../../paradigms/paradigm.js"
import { readAnswerFile } from "../answer-file.js"
import { isKeptAnswer, type KeptAnswer } from "./kept-answer.js"
import type { Shard } from "./selection.js"

export interface ModelRecord {
  /** As the user called it. */
  name: string
  /** Of its weights and settings; of a server its address and the model's name there. */
  fingerprint: string
  /** How it was trained, by the name of a paradigm; not known of a server. */
  paradigm?: string
  dtype?: string
  device?: string
  url?: string
}

export interface TaskRecord {
  /** As --tasks called it: a name, or the file of a task of one's own. */
  task: string
  /** Where the documents were given; undefined: the hub's dataset of the task. */
  data?: string
  /** The same of the examples before its questions. */
  examples?: string
  /** Documents that there are, those without an answer included. */
  documents: number
  /** Of the data. */
  fingerprint: string
  /** A hash of what a first document asks: it changes with the prompt, and with the examples before it. */
  asks: string
  /** Asked are the first so many, of these the shard's. */
  first: number
  /** The task file's options of generation, overridden by what was given (docs/evaluation.md 3.4). */
  generation: Readonly<Record<string, unknown>>
  /** What that is for the decoder. */
  decoding: DecodingOptions
  /** What its likelihoods are, of tasks that are scored by them; a bound is an estimate from samples, a server tells what it tells. */
  likelihood?: "exact" | "server" | LikelihoodBound
  /** The file of the answers, in the folder `answers`. */
  answers: string
}

export interface RunRecord {
  /** Of this file's form. */
  version: 1
  /** What was typed; several lines where several commands made it, such as of its shards. */
  command: string
  model: ModelRecord
  /** The authors' oddities are followed. */
  compat: boolean
  /** As it was asked for: below 1 a part of the documents. */
  limit?: number
  shard?: Shard
  /** Examples before each question, where it was said how many. */
  shots?: number
  concurrent: number
  /** Of --gen-kwargs. */
  given: Readonly<Record<string, unknown>>
  tasks: TaskRecord[]
  /** ISO times; no end: it was stopped, or still runs. */
  started: string
  ended?: string
}

/** What was typed, one command a line, each once. */
export const commandsOf = (...commands: readonly (string | undefined)[]): string =>
  [...new Set(commands.flatMap((command) => command?.split("\n") ?? []))].filter((command) => command !== "").join("\n")

export const RUN_FILE = "run.json"
export const ANSWERS_FOLDER = "answers"

/** @throws UserError where no run was, or the file is none of this program's */
export function readRun(folder: string): RunRecord {
  const file = join(folder, RUN_FILE)
  if (!existsSync(file))
    throw new UserError("this is no folder of an evaluation: it has no run.json", {
      where: folder,
      fix: "give the folder that `diffusionvl eval … --out FOLDER` wrote",
    })
  const text = explaining(file, () => readFileSync(file, "utf8"))
  try {
    const record = JSON.parse(text) as RunRecord
    if (record.version === 1 && Array.isArray(record.tasks)) return record
  } catch {}
  throw new UserError("it is not what an evaluation of this version writes", {
    where: file,
    fix: "run the evaluation again: its answers are kept",
  })
}

/** The record of a run into its folder, in one step: who is stopped leaves the one before. */
export async function writeRun(folder: string, record: RunRecord): Promise<void> {
  await writeJson(join(folder, RUN_FILE), record)
}

/** The answers that are known to a task, by document. */
export function answersOf(folder: string, { answers }: TaskRecord): Map<number, KeptAnswer> {
  return readAnswerFile<KeptAnswer>(join(folder, ANSWERS_FOLDER, answers), isKeptAnswer).answers
}
