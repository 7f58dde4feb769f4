/** The two trainings: translation and control, from the same model with the same samples for as many steps. */

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { train } from "../../src/train/trainer.js"
import { stageRecipe } from "../shared/stage-recipe.js"
import type { Training } from "../shared/train-stage.js"
import type { Settings } from "./settings.js"

export interface Stage extends Training {
  name: "translated" | "control"
}

export interface StageInput {
  settings: Pick<Settings, "steps" | "seed" | "dtype">
  /** Of the run: the model that both start from and the data are there, and everything is written there. */
  folder: string
  /** More `key=value` for both recipes. */
  train: readonly string[]
}

const TITLES = { translated: "translation to block diffusion", control: "autoregressive control" }

/**
 * @param steps as many as there is time for
 * @throws UserError for a key that no recipe has, or a value that it cannot have
 */
export function stagesOf({ settings, folder, train }: StageInput, steps = settings.steps): Stage[] {
  const { seed, dtype } = settings
  return (["translated", "control"] as const).map((name) => {
    const file = new URL(name === "control" ? "control.yaml" : "translate.yaml", import.meta.url)
    const decided = [
      `model=${JSON.stringify(join(folder, "base"))}`,
      `output=${JSON.stringify(join(folder, name))}`,
      `data.file=${join(folder, "train.jsonl")}`,
      `train.max_steps=${steps}`,
      `train.seed=${seed}`,
      `train.dtype=${dtype}`,
    ]
    return { name, title: TITLES[name], config: stageRecipe(file, { train, decided }) }
  })
}

/** Steps that are timed; the first, which also sets everything up, does not count. */
const TIMED_STEPS = 4

/** Seconds per step here and now: a few steps in a temporary folder. */
export async function secondsPerStep(
  { config }: Stage,
  { signal, onStep }: { signal?: AbortSignal; onStep?: (done: number, total: number) => void } = {},
): Promise<number> {
  const output = await mkdtemp(join(tmpdir(), "diffusionvl-forecast-"))
  const few = { ...config.train, max_steps: TIMED_STEPS, log_every: 1 }
  const times: number[] = []
  try {
    for await (const event of train({ ...config, output, train: few }, { signal })) {
      if (event.type === "step") onStep?.(times.push(event.metrics.seconds), TIMED_STEPS)
      if (event.type === "interrupted") throw signal?.reason
    }
  } finally {
    await rm(output, { recursive: true, force: true })
  }
  return (times[times.length - 1] - times[0]) / Math.max(1, times.length - 1)
}
