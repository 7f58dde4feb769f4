/** Runs trainings in this process and tells what came out. */

import { createHash } from "node:crypto"
import { join } from "node:path"
import { openTensors, readPieces } from "../../src/checkpoint/safetensors.js"
import type { TrainingConfig } from "../../src/train/config.js"
import { readMetrics } from "../../src/train/metrics.js"
import { finishedModel, type TrainingEvent, train } from "../../src/train/trainer.js"

/** Runs a training; with `stopAfter`, until that many steps are logged, then as Ctrl-C does. */
export async function run(config: TrainingConfig, stopAfter = Number.POSITIVE_INFINITY): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = []
  const controller = new AbortController()
  for await (const event of train(config, { signal: controller.signal })) {
    events.push(event)
    if (events.filter(({ type }) => type === "step").length >= stopAfter) controller.abort()
  }
  return events
}

/** A digest of each tensor: short enough to print when they differ. */
export const digestsOf = (path: string): Map<string, string> =>
  new Map(
    [...openTensors(path)].map(([name, location]) => [
      name,
      createHash("sha256")
        .update(Buffer.concat([...readPieces(location)]))
        .digest("hex")
        .slice(0, 12),
    ]),
  )
export const weightsOf = (config: TrainingConfig): Map<string, string> => digestsOf(finishedModel(config.output))
export const lossesOf = (config: TrainingConfig): [number, number][] =>
  readMetrics(join(config.output, "metrics.jsonl")).map(({ step, loss }) => [step, loss])
