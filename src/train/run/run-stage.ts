/** One training from wherever it starts: of a recipe by itself, or a stage of several. */

import { sweepPartials } from "../../checkpoint/files.js"
import { lockFolder } from "../../checkpoint/lock.js"
import { finishedModel } from "../../checkpoint/training-output.js"
import { UserError } from "../../errors.js"
import { readConfigBeside } from "../../models/read-config.js"
import { MetricsLog } from "../metrics.js"
import type { TrainingConfig } from "../recipe/config.js"
import type { TrainingEvent } from "./events.js"
import { forgetFinished, readFinished } from "./finished.js"
import { identityOf } from "./identity.js"
import { lengthOf } from "./length.js"
import { requireTrainingPlaces } from "./output-places.js"
import { type Prepared, prepare } from "./prepare.js"
import { openData, TrainingSession } from "./session.js"
import type { StartingModel } from "./start.js"
import { checkpointSteps, lastCheckpoint, requireSameTraining, type SavedCheckpoint } from "./state.js"

export interface StageOptions {
  /** The model that it starts from. */
  start(): StartingModel | Promise<StartingModel>
  /** Output folders of the stages that come after it. */
  later?: readonly string[]
  signal?: AbortSignal
}

/**
 * Trains one stage in its output folder, from its last checkpoint where there is one. Nobody else may at the same time.
 * @throws UserError for what cannot be trained; the reason of the signal when it is aborted
 */
export async function* runStage(config: TrainingConfig, options: StageOptions): AsyncGenerator<TrainingEvent> {
  const lock = lockFolder(config.output)
  try {
    await sweepPartials(config.output, { alone: true })
    requireTrainingPlaces(config.output)
    const start = await options.start()
    const identity = await identityOf(config, start)
    const resumed = await lastCheckpoint(config.output)
    if (resumed) requireSameTraining(resumed, identity, config)
    const done = resumed && (await doneBefore(config, resumed))
    if (done) {
      yield* done
      return
    }
    const source = await start.inFolder()
    // Adapters are learned beside the source.
    const before = resumed && !config.lora ? readConfigBeside(resumed.folder, source.folder) : undefined
    const prepared = prepare(config, { folder: source.folder, before, made: start.made })
    await requireNothingBuiltOn(config, { resumed, later: options.later, prepared })
    const session = new TrainingSession({ config, prepared, source, identity, resumed, lock })
    forgetFinished(config.output)
    yield { type: "start", step: session.state.step, totalSteps: session.length.totalSteps, ...session.begun }
    yield* steps(session, options.signal)
  } finally {
    lock.release()
  }
}

/** What a training that is done, with its model as it was written, has to say. */
async function doneBefore(config: TrainingConfig, { saved }: SavedCheckpoint): Promise<TrainingEvent[] | undefined> {
  // Adapters need what they stand beside, which is then put there.
  const finished = config.lora ? undefined : await readFinished(config.output)
  if (finished?.step !== saved.step) return undefined
  const { totalSteps, progressAt } = lengthOf(config, finished.start.samples)
  if (progressAt(saved.step, saved.seconds) < 1) return undefined
  return [
    { type: "start", step: saved.step, totalSteps, ...finished.start },
    { type: "done", model: finishedModel(config.output), seconds: saved.seconds },
  ]
}

/** @throws UserError where the training would go on, and a later stage has already learned from what it left */
async function requireNothingBuiltOn(
  config: TrainingConfig,
  { resumed, later = [], prepared }: { resumed?: SavedCheckpoint; later?: readonly string[]; prepared: Prepared },
): Promise<void> {
  for (const output of later)
    if ((await checkpointSteps(output)).length > 0 && !isDone(config, prepared, resumed))
      throw new UserError(
        resumed
          ? `this stage is longer now than it was (${resumed.saved.step} steps), and a later one has begun with the model that it left`
          : "this stage has no checkpoint, and a later one has begun with the model that it left",
        {
          where: config.output,
          fix: `give it the length that it had${resumed ? "" : " and restore its checkpoint"}, or delete ${output} to train the stages behind it anew`,
        },
      )
}

function isDone(config: TrainingConfig, prepared: Prepared, resumed?: SavedCheckpoint): boolean {
  const data = openData(config, prepared)
  try {
    return lengthOf(config, data.size).stateOf(resumed?.saved).progress >= 1
  } finally {
    data.close()
  }
}

async function* steps(session: TrainingSession, signal: AbortSignal | undefined): AsyncGenerator<TrainingEvent> {
  const { config } = session
  const { log_every, save_every } = config.train
  const log = new MetricsLog(config.output, session.state.step)
  try {
    while (!session.isDone) {
      const metrics = await session.step(signal)
      const { step } = session.state
      if (!metrics) {
        yield { type: "interrupted", folder: await session.save(), step }
        return
      }
      if (metrics.step % log_every === 0 || session.isDone) {
        log.write(metrics)
        yield { type: "step", metrics }
      }
      if (step % save_every === 0 && !session.isDone) yield { type: "checkpoint", folder: await session.save() }
    }
  } catch (error) {
    await session.rescue()
    throw error
  }
  yield { type: "done", model: await session.finish(), seconds: session.state.seconds }
}
