/** The log of a training: one JSON object per line, the same numbers for TensorBoard. Everything else derives from it. */

import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { explainFileError, explaining, partialName } from "../checkpoint/files.js"
import { regularFileSize } from "../checkpoint/json.js"
import { UserError } from "../errors.js"
import { TensorBoardWriter } from "./tensorboard.js"

export interface StepMetrics {
  step: number
  /** Part of the training that is done, 0 … 1. */
  progress: number
  loss: number
  gradNorm: number
  learningRate: number
  /** Tokens of the sequences per second, whatever is computed of them. */
  tokensPerSecond: number
  /** Resident memory of the process. */
  memoryBytes: number
  /** Tokens that the loss is about. */
  learned: number
  /** Training time so far, earlier sessions included. */
  seconds: number
  /** Any other number an objective reports, such as the masked share. */
  [extra: string]: number
}

const metricsSchema = z
  .object({
    step: z.int().min(0),
    progress: z.number(),
    loss: z.number(),
    gradNorm: z.number(),
    learningRate: z.number(),
    tokensPerSecond: z.number(),
    memoryBytes: z.number(),
    seconds: z.number(),
    // Logs of earlier versions have none.
    learned: z.number().optional(),
  })
  .catchall(z.number().nullable())

const NEWLINE = 10

/**
 * The log of a training so far; a half last line, as a killed run leaves it, does not count.
 * @throws UserError naming a line that is no entry or not in order
 */
export function readMetrics(path: string): StepMetrics[] {
  if (!existsSync(path)) return []
  // Looked at before it is opened: opening a pipe waits for its writer.
  regularFileSize(path)
  const bytes = explaining(path, () => readFileSync(path))
  const lines = splitLines(bytes)
  const cutShort = bytes.at(-1) !== NEWLINE
  const entries: StepMetrics[] = []
  for (const [i, line] of lines.entries()) {
    const entry = parseEntry(line)
    const previous = entries.at(-1)
    if (entry === undefined && cutShort && i === lines.length - 1) break
    if (entry === undefined) throw unfit(path, i + 1, "it is no entry of a training's log")
    if (previous && entry.step <= previous.step)
      throw unfit(path, i + 1, `step ${entry.step} comes after step ${previous.step}`)
    entries.push(entry)
  }
  return entries
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start)
    lines.push(bytes.subarray(start, end < 0 ? bytes.length : end))
    start = end < 0 ? bytes.length : end + 1
  }
  return lines
}

function parseEntry(line: Buffer): StepMetrics | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(line)
    return metricsSchema.parse(JSON.parse(text)) as StepMetrics
  } catch {
    return undefined
  }
}

function unfit(path: string, line: number, what: string): UserError {
  return new UserError(`line ${line} is damaged: ${what}`, {
    where: path,
    fix: "delete that line, or the whole file: a training goes on without it, only its curves begin later",
  })
}

export class MetricsLog {
  readonly path: string
  readonly #board: TensorBoardWriter

  /** @param fromStep entries of this step and later are dropped: a resumed run computes them again */
  constructor(folder: string, fromStep: number) {
    this.path = join(folder, "metrics.jsonl")
    const kept = fromStep === 0 ? [] : readMetrics(this.path).filter((entry) => entry.step < fromStep)
    const partial = partialName(this.path)
    try {
      writeFileSync(partial, kept.map((entry) => `${JSON.stringify(entry)}\n`).join(""))
      renameSync(partial, this.path)
    } catch (error) {
      rmSync(partial, { force: true })
      throw explainFileError(error, this.path)
    }
    this.#board = new TensorBoardWriter(join(folder, "tensorboard"))
  }

  write(entry: StepMetrics): void {
    explaining(this.path, () => appendFileSync(this.path, `${JSON.stringify(entry)}\n`))
    const { step, ...scalars } = entry
    this.#board.write(
      step,
      Object.fromEntries(Object.entries(scalars).map(([name, value]) => [`train/${name}`, value])),
    )
  }
}
