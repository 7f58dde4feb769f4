/** The trainings of the demo, as ordinary recipes of the trainer: what the demo does, `diffusionvl train` can do. */

import { join } from "node:path"
import { type TrainingConfig, trainingSchema } from "../../src/train/recipe/config.js"
import { finishedModel } from "../../src/train/trainer.js"
import type { DemoRecipe } from "./recipe.js"

export type StageName = "autoregressive" | "control" | "diffusion-next" | "diffusion-same"

export interface Stage {
  name: StageName
  /** For people. */
  title: string
  config: TrainingConfig
}

/** The model that is translated, and the trainings that make it (from scratch only), the translations and the control. */
export interface DemoStages {
  /** Folder of the autoregressive model that everything else continues. */
  first: string
  stages: Stage[]
}

const TITLES: Record<StageName, string> = {
  autoregressive: "autoregressive",
  control: "autoregressive control, as many samples",
  "diffusion-next": "block diffusion, next-token shift kept",
  "diffusion-same": "block diffusion, same position (the authors)",
}

export const stageTitle = (name: StageName): string => TITLES[name]

/**
 * Translations with the next-token shift kept or at the same position, and the autoregressive control: continuations of
 * one model on as many samples.
 * @param start folder of that model; without one it is trained first, from the random weights in `initial`
 */
export function demoStages(
  recipe: DemoRecipe,
  { folder, start, initial, data }: { folder: string; start?: string; initial: string; data: string },
): DemoStages {
  const { training, stages } = recipe
  const pixels = recipe.data.size ** 2
  const make = (
    name: StageName,
    model: string,
    stage: DemoRecipe["stages"]["autoregressive"],
    extra: Record<string, unknown>,
  ): Stage => ({
    name,
    title: TITLES[name],
    config: trainingSchema().parse({
      model,
      output: join(folder, name),
      data: {
        file: data,
        image_aspect: "native",
        min_pixels: pixels,
        max_pixels: pixels,
        sampler: "grouped",
        task_mixture: stage.task_mixture,
        augment: training.augment,
      },
      train: {
        learning_rate: stage.learning_rate,
        warmup_ratio: stage.warmup_ratio,
        tunable: stage.tunable,
        weight_decay: training.weight_decay,
        betas: training.betas,
        max_grad_norm: training.max_grad_norm,
        micro_batch_size: training.batch,
        max_steps: stage.steps,
        dtype: training.dtype,
        seed: training.seed,
        log_every: 5,
        save_every: training.save_every,
      },
      ...extra,
    }),
  })
  const first = start ?? finishedModel(join(folder, "autoregressive"))
  const { block_diffusion, shifts, ...translation } = stages.diffusion
  const translations = shifts.map((shift) =>
    make(`diffusion-${shift}`, first, translation, {
      paradigm: "block-diffusion",
      block_diffusion: { ...block_diffusion, shift },
    }),
  )
  const control = make("control", first, translation, { paradigm: "autoregressive" })
  const scratch = make("autoregressive", initial, stages.autoregressive, { paradigm: "autoregressive" })
  return { first, stages: [...(start === undefined ? [scratch] : []), ...translations, control] }
}
