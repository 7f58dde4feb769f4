/** One training of a run: gone on with where it was stopped, and shown while it goes. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import type { TrainingConfig } from "../../src/train/config.js"
import { finishedModel, type TrainingEvent, train } from "../../src/train/trainer.js"
import type { Observer } from "./observer.js"

export interface Training {
  title: string
  config: TrainingConfig
}

export const isTrained = ({ config }: Pick<Training, "config">): boolean =>
  existsSync(join(finishedModel(config.output), "config.json"))

/**
 * @param after seconds that are foreseen for what comes behind it; left out where nobody knows
 * @returns false when interrupted
 */
export async function trainStage(
  { title, config }: Training,
  { after = 0, signal, observer }: { after?: number; signal?: AbortSignal; observer: Observer },
): Promise<boolean> {
  if (isTrained({ config })) return true
  let from: number | undefined
  let started = performance.now()
  const total = config.train.max_steps as number
  for await (const event of train(config, { signal })) {
    if (event.type === "step") {
      from ??= event.metrics.step
      if (event.metrics.step === from) started = performance.now()
      const done = event.metrics.step - from
      const perStep = (performance.now() - started) / 1000 / Math.max(1, done)
      const left = done > 0 ? (total - event.metrics.step) * perStep + after : undefined
      observer.progress(title, event.metrics.step + 1, total, detail(event), left)
    }
    if (event.type === "interrupted") {
      observer.note(`${title} · stopped at step ${event.step}`)
      return false
    }
  }
  return true
}

const detail = ({ metrics }: Extract<TrainingEvent, { type: "step" }>): string =>
  `loss ${metrics.loss.toFixed(3)} · ${metrics.tokensPerSecond.toFixed(0)} tokens/s`
