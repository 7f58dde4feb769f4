/** Runs trainings in this process and tells what came out. */

import { createHash } from "node:crypto"
import { join } from "node:path"
import { openTensors, readPieces } from "../../src/checkpoint/safetensors/safetensors.js"
import { readMetrics } from "../../src/train/metrics.js"
import type { TrainingConfig } from "../../src/train/recipe/config.js"
import { finishedModel, type TrainingEvent, train } from "../../src/train/trainer.js"

/** What trainings tell; with `stopAfter`, until that many steps are logged, then they end as by Ctrl-C. */
export async function eventsOf<E extends { type: string }>(
  start: (signal: AbortSignal) => AsyncIterable<E>,
  stopAfter = Number.POSITIVE_INFINITY,
): Promise<E[]> {
  const events: E[] = []
  const controller = new AbortController()
  for await (const event of start(controller.signal)) {
    events.push(event)
    if (events.filter(({ type }) => type === "step").length >= stopAfter) controller.abort()
  }
  return events
}

export const run = (config: TrainingConfig, stopAfter?: number): Promise<TrainingEvent[]> =>
  eventsOf((signal) => train(config, { signal }), stopAfter)

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
