/** A training under way in this process: what learns from what, how far it is, its checkpoints and its end. */

import { join } from "node:path"
import { explaining } from "../../checkpoint/files.js"
import type { FileLock } from "../../checkpoint/lock.js"
import { finishedModel } from "../../checkpoint/training-output.js"
import { keepFreedMemory } from "../../torch/index.js"
import { TrainingData } from "../data.js"
import { keepFeatures } from "../feature-files.js"
import { type Learner, learner, type Start } from "../learner.js"
import type { StepMetrics } from "../metrics.js"
import { brokenTensors, brokenWeights, notFiniteTensors } from "../not-finite.js"
import { AdamW } from "../optimizer.js"
import type { TrainingConfig } from "../recipe/config.js"
import { nothingLearned } from "../recipe/paradigm.js"
import { Stepper } from "../step.js"
import { type Finished, recordFinished } from "./finished.js"
import type { RunIdentity } from "./identity.js"
import { lengthOf, type TrainingLength } from "./length.js"
import type { Prepared } from "./prepare.js"
import { checkpointFolder, restoreOptimizer, type SavedCheckpoint, saveCheckpoint, type TrainerState } from "./state.js"

export interface SessionParts {
  config: TrainingConfig
  prepared: Prepared
  source: Start["source"]
  identity: RunIdentity
  resumed: SavedCheckpoint | undefined
  lock: FileLock
}

/** The records of a training. @param content hash of the data file */
export const openData = (
  config: TrainingConfig,
  { tokenizer, target, format, images }: Prepared,
  ...index: [indexFile?: string, content?: string]
): TrainingData => new TrainingData(config, tokenizer, target, format, images, ...index)

export class TrainingSession {
  readonly config: TrainingConfig
  /** What the first event tells, and what is kept of it beside the finished model. */
  readonly begun: Finished["start"]
  readonly length: TrainingLength
  state: TrainerState
  readonly #parts: SessionParts
  readonly #learner: Learner
  readonly #optimizer: AdamW
  readonly #stepper: Stepper
  readonly #brokenBefore: readonly string[]
  readonly #first: number
  #learned = 0
  /** Whether there are whole steps that no checkpoint has, nor was tried to have. */
  #unsaved: boolean

  /** Loads the model. */
  constructor(parts: SessionParts) {
    const { config, prepared, source, identity, resumed } = parts
    const { target, adapter } = prepared
    this.#parts = parts
    this.config = config
    keepFreedMemory()
    this.#learner = learner(config, { source, resumed: resumed?.folder, target, adapter })
    const { model, dtype, device, parameters } = this.#learner
    model.checkpointLayers = config.train.gradient_checkpointing
    if (config.data.feature_cache !== undefined) keepFeatures(model, config.data.feature_cache)
    const { betas, eps, max_grad_norm: maxGradNorm } = config.train
    this.#optimizer = new AdamW(parameters, { betas, eps, maxGradNorm })
    if (resumed) restoreOptimizer(resumed.folder, this.#optimizer)
    // Behind the model: where that cannot be loaded, nothing is written.
    const data = openData(config, prepared, join(config.output, "data.index"), identity.data.sha256)
    this.begun = { parameters: parameters.reduce((n, p) => n + p.tensor.size, 0), samples: data.size, dtype, device }
    this.length = lengthOf(config, data.size)
    this.state = this.length.stateOf(resumed?.saved)
    this.#first = this.state.step
    this.#unsaved = resumed === undefined
    this.#brokenBefore = resumed ? [] : brokenWeights(model.parameters())
    const optimizer = this.#optimizer
    this.#stepper = new Stepper(
      { model, target, data, optimizer, config, brokenBefore: this.#brokenBefore },
      this.state,
    )
  }

  get isDone(): boolean {
    return this.state.progress >= 1
  }

  /** @returns undefined when the signal came: the weights are then those of the last whole step */
  async step(signal: AbortSignal | undefined): Promise<StepMetrics | undefined> {
    const metrics = await this.#stepper.step(this.state, signal)
    if (!metrics) {
      this.#optimizer.zeroGrad()
      return undefined
    }
    const [step, { seconds }] = [this.state.step + 1, metrics]
    const progress = this.length.progressAt(step, seconds)
    this.state = { step, seconds, progress, drawnAt: this.state.progress }
    this.#unsaved = true
    this.#learned += metrics.learned
    return metrics
  }

  /** Writes a checkpoint, where there is none of this step. @returns its folder */
  async save(): Promise<string> {
    const { config, identity } = this.#parts
    if (!this.#unsaved) return checkpointFolder(config.output, this.state.step)
    this.#unsaved = false
    this.#requireSavable()
    const content = { identity, save: this.#learner.save, optimizer: this.#optimizer }
    return saveCheckpoint(config.output, this.state, content, config.train.keep)
  }

  /** After an error, a checkpoint of the last whole step: a bad sample should not cost the steps since the last one. */
  async rescue(): Promise<void> {
    this.#optimizer.zeroGrad()
    if (this.state.step > 0 && !this.#stepper.torn) await this.save().catch(() => {})
  }

  /** Writes the finished model. @returns its folder */
  async finish(): Promise<string> {
    const { config, lock } = this.#parts
    await this.#stepper.end()
    if (this.#learned === 0 && this.state.step > this.#first) throw nothingLearned(config)
    const folder = finishedModel(config.output)
    await this.save()
    lock.confirm()
    const written = await explaining(folder, () => this.#learner.save(folder))
    await recordFinished(config.output, { step: this.state.step, start: this.begun }, written)
    return folder
  }

  /** @throws UserError rather than that numbers which are none replace good ones, or two processes write */
  #requireSavable(): void {
    const { config, lock } = this.#parts
    lock.confirm()
    const broken = [...brokenWeights(this.#learner.weights), ...notFiniteTensors(this.#optimizer.state())]
    if (broken.length > 0) throw brokenTensors(broken, this.state.step - 1, config, this.#brokenBefore)
  }
}
