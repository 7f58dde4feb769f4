/** The training loop, for any paradigm on any model: batches in, events out, checkpoints on the way. */

import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import type { ModelConfig } from "../checkpoint/config.js"
import { readJsonObject } from "../checkpoint/read-config.js"
import { type ResolveOptions, resolveModel } from "../hub/resolve.js"
import { type QwenImageOptions, qwenImageOptions } from "../image/qwen.js"
import { loadModel } from "../models/load.js"
import { saveModel } from "../models/save.js"
import type { TrainingSample } from "../paradigms/batch.js"
import { Tokenizer } from "../text/tokenizer.js"
import { backward, tidy } from "../torch/index.js"
import type { TrainingConfig } from "./config.js"
import { TrainingData } from "./data.js"
import { MetricsLog, type StepMetrics } from "./metrics.js"
import { culprits, notFinite } from "./not-finite.js"
import { AdamW } from "./optimizer.js"
import { learnedTokens, nothingLearned, objectiveOf, targetConfig } from "./paradigm.js"
import { groupParameters } from "./parameters.js"
import { learningRateFactor } from "./schedule.js"
import { checkpointFolder, checkpointSteps, restoreCheckpoint, saveCheckpoint, type TrainerState } from "./state.js"

export type TrainingEvent =
  /** Before the first step of this session; `step` is above 0 when resumed. */
  | {
      type: "start"
      step: number
      totalSteps: number
      parameters: number
      samples: number
      dtype: string
      device: string
    }
  | { type: "step"; metrics: StepMetrics }
  | { type: "checkpoint"; folder: string }
  /** Stopped by the signal; the same command goes on from the checkpoint. */
  | { type: "interrupted"; folder: string; step: number }
  | { type: "done"; model: string; seconds: number }

/** Where the finished model of a training lies. */
export const finishedModel = (output: string): string => join(output, "model")

/** What must stay the same for a run to be the same run. */
function fingerprintOf({ paradigm, block_diffusion, data, train }: TrainingConfig): string {
  const { max_minutes, max_steps, epochs, log_every, save_every, keep, ...fixed } = train
  return createHash("sha256")
    .update(JSON.stringify({ paradigm, block_diffusion, data, fixed }))
    .digest("hex")
    .slice(0, 16)
}

function imageOptionsOf(folder: string, config: ModelConfig, { data }: TrainingConfig): QwenImageOptions {
  const file = join(folder, "preprocessor_config.json")
  const limits = {
    minPixels: data.min_pixels ?? config.image.minPixels,
    maxPixels: data.max_pixels ?? config.image.maxPixels,
  }
  return qwenImageOptions(existsSync(file) ? readJsonObject(file) : {}, limits)
}

export interface TrainOptions {
  /** Stops before the next forward, with a checkpoint. */
  signal?: AbortSignal
  /** What the download of the starting model does. */
  onDownload?: ResolveOptions["onEvent"]
}

/**
 * Trains as the recipe says, going on from the last checkpoint in its output folder if there is one. The events are
 * for showing; the metrics are written to files here.
 */
export async function* train(
  config: TrainingConfig,
  { signal, onDownload }: TrainOptions = {},
): AsyncGenerator<TrainingEvent> {
  const source = (await resolveModel(config.model, { signal, onEvent: onDownload })).folder
  await mkdir(config.output, { recursive: true })
  const fingerprint = fingerprintOf(config)
  const steps = await checkpointSteps(config.output)
  const resumed = steps.length > 0 ? checkpointFolder(config.output, steps[steps.length - 1]) : undefined
  const { model, checkpoint, dtype, device } = loadModel(resumed ?? source, {
    dtype: config.train.dtype,
    trainable: true,
  })
  const tokenizer = Tokenizer.load(source)
  const target = targetConfig(checkpoint.config, config, (id) => tokenizer.token(id))
  model.checkpointLayers = config.train.gradient_checkpointing
  const parameters = groupParameters(model, config)
  const { betas, eps, max_grad_norm: maxGradNorm } = config.train
  const optimizer = new AdamW(parameters, { betas, eps, maxGradNorm })
  let state: TrainerState = { step: 0, seconds: 0, progress: 0, drawnAt: 0, fingerprint, model: config.model }
  if (resumed) state = restoreCheckpoint(resumed, optimizer, state)
  const data = new TrainingData(
    config,
    tokenizer,
    target,
    imageOptionsOf(source, target, config),
    join(config.output, "data.index"),
  )
  const {
    accumulate,
    micro_batch_size: size,
    epochs,
    max_steps,
    max_minutes,
    warmup_ratio: warmup,
    schedule,
    seed,
  } = config.train
  const totalSteps =
    max_steps ??
    (max_minutes ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor((epochs * data.size) / (size * accumulate))))
  const progressAt = (step: number, seconds: number): number =>
    Math.max(Number.isFinite(totalSteps) ? step / totalSteps : 0, max_minutes ? seconds / (60 * max_minutes) : 0)
  // The length of a training may change between sessions.
  state = { ...state, progress: progressAt(state.step, state.seconds) }
  let saved = state.step
  const first = state.step
  let learned = 0
  const log = new MetricsLog(config.output, state.step)
  yield {
    type: "start",
    step: state.step,
    totalSteps,
    parameters: parameters.reduce((n, p) => n + p.tensor.size, 0),
    samples: data.size,
    dtype,
    device,
  }

  const save = (): Promise<string> => {
    saved = state.step
    return saveCheckpoint(config.output, state, {
      config: target,
      parameters: model.parameters(),
      companions: source,
      optimizer,
      keep: config.train.keep,
    })
  }
  let next = data.batch(state.step, 0, state.drawnAt)
  next.catch(() => {})
  /** Forwards, backward and update; undefined when the signal came, with nothing changed. */
  const oneStep = async (): Promise<StepMetrics | undefined> => {
    const start = performance.now()
    let loss = 0
    let rows = 0
    const extras: Record<string, number> = {}
    const seen: TrainingSample[] = []
    for (let micro = 0; micro < accumulate; micro++) {
      // Lets signals and timers in: a step of many forwards may take minutes.
      await new Promise((resolve) => setImmediate(resolve))
      if (signal?.aborted) return undefined
      const batch = await next
      // The next batch is decoded by other threads while this one is computed.
      next =
        micro + 1 < accumulate
          ? data.batch(state.step, micro + 1, state.drawnAt)
          : data.batch(state.step + 1, 0, state.progress)
      next.catch(() => {})
      const part = tidy(() => {
        const result = objectiveOf(model, batch, config, target, [seed, state.step, micro])
        const value = result.loss.item()
        if (!Number.isFinite(value)) throw notFinite("the loss", value, state.step, culprits(batch, result))
        // Nothing to go backward to when nothing that trains was used.
        if (result.loss.requiresGrad) backward(accumulate > 1 ? result.loss.div(accumulate) : result.loss)
        return { value, metrics: result.metrics }
      })
      if (accumulate > 1) optimizer.accumulate()
      loss += part.value / accumulate
      rows += batch.samples.reduce((n, sample) => n + sample.ids.length, 0)
      for (const [name, value] of Object.entries(part.metrics)) extras[name] = (extras[name] ?? 0) + value
      seen.push(...batch.samples)
    }
    const factor = learningRateFactor(schedule, state.progress, warmup)
    const { gradNorm } = optimizer.step(factor)
    if (!Number.isFinite(gradNorm)) throw notFinite("the gradient", gradNorm, state.step, seen)
    const seconds = (performance.now() - start) / 1000
    return {
      step: state.step,
      progress: state.progress,
      loss,
      gradNorm,
      learningRate: config.train.learning_rate * factor,
      tokensPerSecond: rows / seconds,
      memoryBytes: process.memoryUsage().rss,
      seconds: state.seconds + seconds,
      ...extras,
    }
  }
  try {
    while (state.progress < 1) {
      const metrics = await oneStep()
      if (!metrics) {
        optimizer.zeroGrad()
        yield { type: "interrupted", folder: await save(), step: state.step }
        return
      }
      state = {
        ...state,
        step: state.step + 1,
        seconds: metrics.seconds,
        progress: progressAt(state.step + 1, metrics.seconds),
        drawnAt: state.progress,
      }
      learned += learnedTokens(metrics)
      if (metrics.step % config.train.log_every === 0 || state.progress >= 1) {
        log.write(metrics)
        yield { type: "step", metrics }
      }
      if (state.step % config.train.save_every === 0 && state.progress < 1)
        yield { type: "checkpoint", folder: await save() }
    }
  } catch (error) {
    // The weights are those of the last whole step: a bad sample should not cost the steps since the last checkpoint.
    optimizer.zeroGrad()
    if (state.step > saved) await save().catch(() => {})
    throw error
  }
  await next.catch(() => {})
  if (learned === 0 && state.step > first) throw nothingLearned(config)
  const finished = finishedModel(config.output)
  await saveModel(finished, { config: target, parameters: model.parameters(), companions: source })
  await save()
  yield { type: "done", model: finished, seconds: state.seconds }
}
