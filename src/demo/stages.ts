/** The trainings of the demo, as ordinary recipes of the trainer: what the demo does, `diffusionvl train` can do. */

import { join } from "node:path"
import { type TrainingConfig, trainingSchema } from "../train/config.js"
import { finishedModel } from "../train/trainer.js"
import type { DemoRecipe } from "./recipe.js"

export type StageName = "autoregressive" | "control" | "diffusion-next" | "diffusion-same"

export interface Stage {
  name: StageName
  /** For people. */
  title: string
  config: TrainingConfig
}

/**
 * Stage 1 from scratch, and three continuations of it that train equally long: block diffusion with the next-token shift
 * kept, block diffusion predicting at the same position, and the autoregressive control.
 */
export function demoStages(
  recipe: DemoRecipe,
  { folder, initial, data }: { folder: string; initial: string; data: string },
): Stage[] {
  const { training, stages } = recipe
  const pixels = recipe.data.size ** 2
  const make = (
    name: StageName,
    title: string,
    model: string,
    stage: DemoRecipe["stages"]["autoregressive"],
    extra: Record<string, unknown>,
  ): Stage => ({
    name,
    title,
    config: trainingSchema.parse({
      model,
      output: join(folder, name),
      data: {
        file: data,
        image_aspect: "native",
        min_pixels: pixels,
        max_pixels: pixels,
        sampler: "pictures",
        mixture: stage.mixture,
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
        max_minutes: stage.minutes,
        dtype: training.dtype,
        seed: training.seed,
        log_every: 5,
        save_every: training.save_every,
      },
      ...extra,
    }),
  })
  const first = finishedModel(join(folder, "autoregressive"))
  const { block_diffusion, ...translation } = stages.diffusion
  const diffusion = (shift: "next" | "same", title: string): Stage =>
    make(`diffusion-${shift}`, title, first, translation, {
      paradigm: "block-diffusion",
      block_diffusion: { ...block_diffusion, shift },
    })
  return [
    make("autoregressive", "autoregressive, from scratch", initial, stages.autoregressive, {
      paradigm: "autoregressive",
    }),
    diffusion("next", "block diffusion, next-token shift kept"),
    make("control", "autoregressive control, equally long", first, translation, { paradigm: "autoregressive" }),
    diffusion("same", "block diffusion, same position (the authors)"),
  ]
}
