/** One optimizer step: forwards, backward and update, while the next batch is being prepared. */

import { type ModelConfig, maskToken } from "../checkpoint/config.js"
import { mixSeeds, randomFrom } from "../data/prng.js"
import type { Model } from "../models/registry.js"
import { withDropout } from "../nn/dropout.js"
import { meanLoss, type TrainingBatch, type TrainingSample } from "../paradigms/batch.js"
import { backward, tidy } from "../torch/index.js"
import type { TrainingData } from "./data.js"
import { FreedMemory } from "./freed-memory.js"
import type { StepMetrics } from "./metrics.js"
import { brokenTensors, brokenWeights, culprits, isSoundNorm, notFinite } from "./not-finite.js"
import type { AdamW } from "./optimizer.js"
import { chosenParadigm, type TrainingConfig } from "./recipe/config.js"
import type { TrainerState } from "./run/state.js"
import { learningRateFactor } from "./schedule.js"

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
  readonly #freed = new FreedMemory()
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
    let sum = 0
    let count = 0
    let tokens = 0
    let learned = 0
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
      const { metrics, ...own } = this.#forwardBackward(batch, state, micro)
      if (accumulate > 1) optimizer.accumulate()
      sum += own.sum
      count += own.count
      learned += own.learned
      tokens += batch.samples.reduce((n, sample) => n + sample.ids.length, 0)
      for (const [name, value] of Object.entries(metrics)) extras[name] = (extras[name] ?? 0) + value
      seen.push(...batch.samples)
    }
    const factor = learningRateFactor(schedule, state.progress, warmup)
    this.#freed.afterBackward()
    const gradNorm = this.#update(factor, accumulate > 1 ? count : 1, state.step, seen)
    const seconds = (performance.now() - start) / 1000
    return {
      step: state.step,
      progress: state.progress,
      loss: sum / Math.max(1, count),
      gradNorm,
      learningRate: config.train.learning_rate * factor,
      tokensPerSecond: tokens / seconds,
      memoryBytes: process.memoryUsage().rss,
      seconds: state.seconds + seconds,
      learned,
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

  /** Gradients of the sum, or of the mean where this batch is all of the step. */
  #forwardBackward(
    batch: TrainingBatch,
    { step, progress }: TrainerState,
    micro: number,
  ): { sum: number; count: number; learned: number; metrics: Record<string, number> } {
    const { model, config, target, brokenBefore } = this.parts
    const { accumulate, seed } = config.train
    const { paradigm, section } = chosenParadigm(config)
    // The backward pass is part of it: what it computes again must be dropped again.
    const training = <T>(body: () => T): T => withDropout(mixSeeds(seed, step, micro, 4), () => tidy(body))
    return training(() => {
      const result = paradigm.objective(model, batch, {
        recipe: section,
        per: config.loss.per ?? paradigm.per,
        maskToken: paradigm.masks ? maskToken(target) : undefined,
        uniform: randomFrom(seed, step, micro, 3),
        progress,
      })
      const loss = accumulate > 1 ? result.sum : meanLoss(result)
      const value = loss.item()
      if (!Number.isFinite(value)) throw notFinite("the loss", value, step, culprits(batch, result), brokenBefore)
      // Nothing to go backward to when nothing that trains was used.
      if (loss.requiresGrad) backward(loss)
      const { count, metrics, tokensPerSample } = result
      const sum = accumulate > 1 ? value : value * Math.max(1, count)
      return { sum, count, learned: tokensPerSample.reduce((n, tokens) => n + tokens, 0), metrics }
    })
  }

  /**
   * @param count what the gradients are the sum over
   * @returns the norm of the gradients
   */
  #update(factor: number, count: number, step: number, seen: readonly TrainingSample[]): number {
    const { optimizer, model, config, brokenBefore } = this.parts
    this.#updating = true
    const { gradNorm, weightNorm } = optimizer.step(factor, Math.max(1, count))
    if (!isSoundNorm(weightNorm)) throw brokenTensors(brokenWeights(model.parameters()), step, config, brokenBefore)
    this.#updating = false
    if (!Number.isFinite(gradNorm)) throw notFinite("the gradient", gradNorm, step, seen, brokenBefore)
    return gradNorm
  }
}
