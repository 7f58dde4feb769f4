/** One training of a run: gone on with where it was stopped, and shown while it goes. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import type { TrainingConfig } from "../../src/train/recipe/config.js"
import { finishedModel, type TrainingEvent, train } from "../../src/train/trainer.js"
import type { Observer } from "./run.js"

export interface Training {
  title: string
  config: TrainingConfig
}

export const isTrained = ({ config }: Pick<Training, "config">): boolean =>
  existsSync(join(finishedModel(config.output), "config.json"))

/**
 * @param after seconds that are foreseen for what comes behind it, where somebody knows
 * @returns false when interrupted
 */
export async function trainStage(
  { title, config }: Training,
  { after, signal, observer }: { after?: number; signal?: AbortSignal; observer: Observer },
): Promise<boolean> {
  if (isTrained({ config })) return true
  let first: { progress: number; time: number } | undefined
  for await (const event of train(config, { signal })) {
    if (event.type === "step") {
      const { progress } = event.metrics
      first ??= { progress, time: performance.now() }
      const done = progress - first.progress
      const rest = ((1 - progress) / done) * ((performance.now() - first.time) / 1000)
      const left = after !== undefined && done > 0 ? rest + after : undefined
      observer.progress(title, progress, 1, detail(event), left)
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
