/** The training loop, for any paradigm on any model: batches in, events out, checkpoints on the way. */

import { join } from "node:path"
import { explaining, sweepPartials } from "../checkpoint/files.js"
import { type FileLock, lockFolder } from "../checkpoint/lock.js"
import type { ResolveOptions } from "../hub/resolve.js"
import { chatFormatOf } from "../models/chat-format.js"
import { imageProcessorOf } from "../models/images.js"
import { readConfig, readConfigBeside } from "../models/read-config.js"
import { requireConfigTokens } from "../models/token-ids.js"
import { Tokenizer } from "../text/tokenizer.js"
import { keepFreedMemory } from "../torch/index.js"
import type { TrainingConfig } from "./config.js"
import { TrainingData } from "./data.js"
import { keepFeatures } from "./feature-files.js"
import { finishedModel, forgetFinished, readFinished, recordFinished } from "./finished.js"
import { identityOf } from "./identity.js"
import { learner, requireWholeModel } from "./learner.js"
import { MetricsLog, type StepMetrics } from "./metrics.js"
import { brokenTensors, brokenWeights, notFiniteTensors } from "./not-finite.js"
import { AdamW } from "./optimizer.js"
import { requireTrainingPlaces } from "./output-places.js"
import { nothingLearned, targetConfig } from "./paradigm.js"
import { pictureOptions } from "./pictures.js"
import { openStart, type StageStart } from "./start.js"
import {
  checkpointFolder,
  lastCheckpoint,
  requireSameTraining,
  restoreOptimizer,
  saveCheckpoint,
  type TrainerState,
} from "./state.js"
import { Stepper } from "./step.js"

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

export { finishedModel } from "./finished.js"

export interface TrainOptions extends StageStart {
  /** Stops before the next forward, with a checkpoint. */
  signal?: AbortSignal
  /** What the download of the starting model does. */
  onDownload?: ResolveOptions["onEvent"]
}

/**
 * Trains as the recipe says, going on from the last checkpoint in its output folder if there is one. The events are
 * for showing; the metrics are written to files here.
 * @throws UserError also when another process writes to the output folder
 */
export async function* train(config: TrainingConfig, options: TrainOptions = {}): AsyncGenerator<TrainingEvent> {
  const lock = lockFolder(config.output)
  try {
    await sweepPartials(config.output, { alone: true })
    requireTrainingPlaces(config.output)
    yield* trainAlone(config, options, lock)
  } finally {
    lock.release()
  }
}

async function* trainAlone(
  config: TrainingConfig,
  { signal, onDownload, ...stage }: TrainOptions,
  lock: FileLock,
): AsyncGenerator<TrainingEvent> {
  const start = await openStart(config, { ...stage, signal, onEvent: onDownload })
  if (typeof start.identified === "string") requireWholeModel(start.identified)
  const identity = await identityOf(config, start.identified)
  const resumed = await lastCheckpoint(config.output)
  if (resumed) requireSameTraining(resumed, identity, config)
  // Adapters need what they stand beside, which is put there below.
  const finished = resumed && !config.lora ? await readFinished(config.output) : undefined
  if (resumed && finished?.step === resumed.saved.step) {
    const { step, seconds } = resumed.saved
    const { totalSteps, progressAt } = lengthOf(config, finished.start.samples)
    if (progressAt(step, seconds) >= 1) {
      yield { type: "start", step, totalSteps, ...finished.start }
      yield { type: "done", model: finishedModel(config.output), seconds }
      return
    }
  }
  forgetFinished(config.output)
  const found = await start.place()
  const source = found.folder
  const tokenizer = Tokenizer.load(source)
  requireConfigTokens(readConfig(source), tokenizer, source)
  keepFreedMemory()
  const before = readConfigBeside(resumed?.folder ?? source, source)
  const target = targetConfig(before, config, (id) => tokenizer.token(id))
  const images = imageProcessorOf(target, source, {
    minPixels: config.data.min_pixels,
    maxPixels: config.data.max_pixels,
  })
  // Told before weights are loaded.
  pictureOptions(config.data, images)
  const { model, dtype, device, parameters, weights, save } = learner(config, {
    source: found,
    made: start.made,
    resumed: resumed?.folder,
    before,
    target,
  })
  model.checkpointLayers = config.train.gradient_checkpointing
  if (config.data.feature_cache !== undefined) keepFeatures(model, config.data.feature_cache)
  const { betas, eps, max_grad_norm: maxGradNorm } = config.train
  const optimizer = new AdamW(parameters, { betas, eps, maxGradNorm })
  if (resumed) restoreOptimizer(resumed.folder, optimizer)
  const data = new TrainingData(
    config,
    tokenizer,
    target,
    config.data.format === "captions" ? "llada_plain" : chatFormatOf(target, source, tokenizer),
    images,
    join(config.output, "data.index"),
    identity.data.sha256,
  )
  const { totalSteps, progressAt } = lengthOf(config, data.size)
  const { step, seconds, drawnAt } = resumed?.saved ?? { step: 0, seconds: 0, drawnAt: 0 }
  // The length of a training may change between sessions.
  let state: TrainerState = { step, seconds, progress: progressAt(step, seconds), drawnAt }
  const first = state.step
  let learned = 0
  const log = new MetricsLog(config.output, state.step)
  const begun = { parameters: parameters.reduce((n, p) => n + p.tensor.size, 0), samples: data.size, dtype, device }
  yield { type: "start", step: state.step, totalSteps, ...begun }

  const brokenBefore = resumed ? [] : brokenWeights(model.parameters())
  const stepper = new Stepper({ model, target, data, optimizer, config, brokenBefore }, state)
  const content = { identity, save, optimizer }
  /** @throws UserError rather than that numbers which are none replace good ones, or two processes write */
  const requireSavable = (): void => {
    lock.confirm()
    const broken = [...brokenWeights(weights), ...notFiniteTensors(optimizer.state())]
    if (broken.length > 0) throw brokenTensors(broken, state.step - 1, config, brokenBefore)
  }
  /** Whether there are whole steps that no checkpoint has, nor was tried to have. */
  let unsaved = resumed === undefined
  const saveState = async (): Promise<string> => {
    if (!unsaved) return checkpointFolder(config.output, state.step)
    unsaved = false
    requireSavable()
    return saveCheckpoint(config.output, state, content, config.train.keep)
  }
  try {
    while (state.progress < 1) {
      const metrics = await stepper.step(state, signal)
      if (!metrics) {
        optimizer.zeroGrad()
        yield { type: "interrupted", folder: await saveState(), step: state.step }
        return
      }
      state = {
        step: state.step + 1,
        seconds: metrics.seconds,
        progress: progressAt(state.step + 1, metrics.seconds),
        drawnAt: state.progress,
      }
      unsaved = true
      learned += metrics.learned
      if (metrics.step % config.train.log_every === 0 || state.progress >= 1) {
        log.write(metrics)
        yield { type: "step", metrics }
      }
      if (state.step % config.train.save_every === 0 && state.progress < 1)
        yield { type: "checkpoint", folder: await saveState() }
    }
  } catch (error) {
    // The weights are those of the last whole step: a bad sample should not cost the steps since the last checkpoint.
    optimizer.zeroGrad()
    if (state.step > 0 && !stepper.torn) await saveState().catch(() => {})
    throw error
  }
  await stepper.end()
  if (learned === 0 && state.step > first) throw nothingLearned(config)
  const place = finishedModel(config.output)
  await saveState()
  lock.confirm()
  const written = await explaining(place, () => save(place))
  await recordFinished(config.output, { step: state.step, start: begun }, written)
  yield { type: "done", model: place, seconds: state.seconds }
}

/** How long a training is, and the part of it that is done after some steps and seconds. */
function lengthOf({ train }: TrainingConfig, samples: number) {
  const { accumulate, micro_batch_size: size, epochs, max_steps, max_minutes } = train
  const totalSteps =
    max_steps ??
    (max_minutes ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor((epochs * samples) / (size * accumulate))))
  const progressAt = (step: number, seconds: number): number =>
    Math.max(Number.isFinite(totalSteps) ? step / totalSteps : 0, max_minutes ? seconds / (60 * max_minutes) : 0)
  return { totalSteps, progressAt }
}
