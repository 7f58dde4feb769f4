/** One optimizer step: forwards, backward and update, while the next batch is being prepared. */

import type { ModelConfig } from "../checkpoint/config.js"
import type { Model } from "../models/registry.js"
import type { TrainingBatch, TrainingSample } from "../paradigms/batch.js"
import { backward, tidy } from "../torch/index.js"
import type { TrainingConfig } from "./config.js"
import type { TrainingData } from "./data.js"
import type { StepMetrics } from "./metrics.js"
import { brokenTensors, brokenWeights, culprits, isSoundNorm, notFinite } from "./not-finite.js"
import type { AdamW } from "./optimizer.js"
import { objectiveOf } from "./paradigm.js"
import { learningRateFactor } from "./schedule.js"
import type { TrainerState } from "./state.js"

export interface StepParts {
  model: Model
  /** Configuration of the model that comes out. */
  target: ModelConfig
  data: TrainingData
  optimizer: AdamW
  config: TrainingConfig
  /** Weights of the starting model that were no numbers. */
  brokenBefore: readonly string[]
}

/** Makes optimizer steps one after the other. */
export class Stepper {
  #next: Promise<TrainingBatch>
  #updating = false

  constructor(
    readonly parts: StepParts,
    { step, drawnAt }: TrainerState,
  ) {
    this.#next = this.#prepare(step, 0, drawnAt)
  }

  /** Whether an update was begun and did not end well: the weights are those of no step. */
  get torn(): boolean {
    return this.#updating
  }

  /** @returns undefined when the signal came, with nothing changed */
  async step(state: TrainerState, signal?: AbortSignal): Promise<StepMetrics | undefined> {
    const { config, optimizer } = this.parts
    const { accumulate, schedule, warmup_ratio: warmup } = config.train
    const start = performance.now()
    let loss = 0
    let tokens = 0
    const extras: Record<string, number> = {}
    const seen: TrainingSample[] = []
    for (let micro = 0; micro < accumulate; micro++) {
      // Lets signals and timers in: a step of many forwards may take minutes.
      await new Promise((resolve) => setImmediate(resolve))
      if (signal?.aborted) return undefined
      const batch = await this.#next
      // The next batch is decoded by other threads while this one is computed.
      this.#next =
        micro + 1 < accumulate
          ? this.#prepare(state.step, micro + 1, state.drawnAt)
          : this.#prepare(state.step + 1, 0, state.progress)
      const { value, metrics } = this.#forwardBackward(batch, state.step, micro)
      if (accumulate > 1) optimizer.accumulate()
      loss += value / accumulate
      tokens += batch.samples.reduce((n, sample) => n + sample.ids.length, 0)
      for (const [name, value] of Object.entries(metrics)) extras[name] = (extras[name] ?? 0) + value
      seen.push(...batch.samples)
    }
    const factor = learningRateFactor(schedule, state.progress, warmup)
    const gradNorm = this.#update(factor, state.step, seen)
    const seconds = (performance.now() - start) / 1000
    return {
      step: state.step,
      progress: state.progress,
      loss,
      gradNorm,
      learningRate: config.train.learning_rate * factor,
      tokensPerSecond: tokens / seconds,
      memoryBytes: process.memoryUsage().rss,
      seconds: state.seconds + seconds,
      ...extras,
    }
  }

  /** The batch that was being prepared is not needed any more. */
  async end(): Promise<void> {
    await this.#next.catch(() => {})
  }

  #prepare(step: number, micro: number, progress: number): Promise<TrainingBatch> {
    const batch = this.parts.data.batch(step, micro, progress)
    // Its error is thrown when the batch is awaited.
    batch.catch(() => {})
    return batch
  }

  #forwardBackward(
    batch: TrainingBatch,
    step: number,
    micro: number,
  ): { value: number; metrics: Record<string, number> } {
    const { model, config, target, brokenBefore } = this.parts
    const { accumulate, seed } = config.train
    return tidy(() => {
      const result = objectiveOf(model, batch, config, target, [seed, step, micro])
      const value = result.loss.item()
      if (!Number.isFinite(value)) throw notFinite("the loss", value, step, culprits(batch, result), brokenBefore)
      // Nothing to go backward to when nothing that trains was used.
      if (result.loss.requiresGrad) backward(accumulate > 1 ? result.loss.div(accumulate) : result.loss)
      return { value, metrics: result.metrics }
    })
  }

  /** @returns the norm of the gradients */
  #update(factor: number, step: number, seen: readonly TrainingSample[]): number {
    const { optimizer, model, config, brokenBefore } = this.parts
    this.#updating = true
    const { gradNorm, weightNorm } = optimizer.step(factor)
    if (!isSoundNorm(weightNorm)) throw brokenTensors(brokenWeights(model.parameters()), step, config, brokenBefore)
    this.#updating = false
    if (!Number.isFinite(gradNorm)) throw notFinite("the gradient", gradNorm, step, seen, brokenBefore)
    return gradNorm
  }
}
