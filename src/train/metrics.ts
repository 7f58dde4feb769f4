/** The log of a training: one JSON object per line, the same numbers for TensorBoard. Everything else derives from it. */

import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { TensorBoardWriter } from "./tensorboard.js"

export interface StepMetrics {
  step: number
  /** Part of the training that is done, 0 … 1. */
  progress: number
  loss: number
  gradNorm: number
  learningRate: number
  /** Sequence rows (before any saving of rows) per second. */
  tokensPerSecond: number
  /** Resident memory of the process. */
  memoryBytes: number
  /** Training time so far, earlier sessions included. */
  seconds: number
  /** Any other number an objective reports, such as the masked share. */
  [extra: string]: number
}

export function readMetrics(path: string): StepMetrics[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, "utf8").split("\n")
  // A killed run may leave half a last line.
  return lines.flatMap((line) => {
    try {
      return line ? [JSON.parse(line) as StepMetrics] : []
    } catch {
      return []
    }
  })
}

export class MetricsLog {
  readonly path: string
  readonly #board: TensorBoardWriter

  /** @param fromStep entries of this step and later are dropped: a resumed run computes them again */
  constructor(folder: string, fromStep: number) {
    this.path = join(folder, "metrics.jsonl")
    mkdirSync(dirname(this.path), { recursive: true })
    const kept = readMetrics(this.path).filter((entry) => entry.step < fromStep)
    writeFileSync(`${this.path}.tmp`, kept.map((entry) => `${JSON.stringify(entry)}\n`).join(""))
    renameSync(`${this.path}.tmp`, this.path)
    this.#board = new TensorBoardWriter(join(folder, "tensorboard"))
  }

  write(entry: StepMetrics): void {
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`)
    const { step, ...scalars } = entry
    this.#board.write(
      step,
      Object.fromEntries(Object.entries(scalars).map(([name, value]) => [`train/${name}`, value])),
    )
  }
}
