/** What each part of the demo will cost on this machine, measured in a few seconds before anything long begins. */

import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { spreadOf } from "../../src/report/spread.js"
import { checkpointSteps } from "../../src/train/run/state.js"
import { finishedModel, train } from "../../src/train/trainer.js"
import type { EmojiRecord } from "./data/records.js"
import type { Answerer } from "./evaluate.js"
import type { Stage } from "./stages.js"
import type { TimedPart } from "./time-left.js"

/** Steps that are timed; the first one, which also sets everything up, does not count. */
const TIMED_STEPS = 5

export const isTrained = ({ config }: Stage): boolean => existsSync(join(finishedModel(config.output), "config.json"))

/**
 * Steps that are left of each training, and seconds per step: a few steps from the model `from` in a temporary folder.
 * @param from a model that exists: the one a stage continues may not be trained yet
 */
export async function forecastTraining(
  stages: readonly Stage[],
  from: string,
  signal?: AbortSignal,
): Promise<TimedPart[]> {
  const parts: TimedPart[] = []
  for (const stage of stages) {
    if (isTrained(stage)) continue
    const done = Math.max(0, ...(await checkpointSteps(stage.config.output)))
    const secondsPerUnit = await secondsPerStep(stage, from, signal)
    parts.push({ name: stage.name, units: stage.config.train.max_steps! - done, secondsPerUnit })
  }
  return parts
}

async function secondsPerStep({ config }: Stage, from: string, signal?: AbortSignal): Promise<number> {
  const output = await mkdtemp(join(tmpdir(), "diffusionvl-forecast-"))
  const few = { ...config.train, max_steps: TIMED_STEPS, log_every: 1 }
  const times: number[] = []
  try {
    for await (const event of train({ ...config, model: from, output, train: few }, { signal })) {
      if (event.type === "step") times.push(event.metrics.seconds)
      if (event.type === "interrupted") throw signal?.reason
    }
  } finally {
    await rm(output, { recursive: true, force: true })
  }
  return spreadOf(times.slice(1).map((time, i) => time - times[i])).median
}

/** Seconds per question, options scored where there are some. */
export async function secondsPerQuestion(
  answerer: Answerer,
  records: readonly EmojiRecord[],
  signal?: AbortSignal,
): Promise<number> {
  await answerer.answer(records[0])
  const started = performance.now()
  for (const record of records) {
    signal?.throwIfAborted()
    await answerer.answer(record)
    if (record.options) await answerer.scores(record, record.options)
  }
  return (performance.now() - started) / 1000 / records.length
}
