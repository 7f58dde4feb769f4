/** Runs the stages of a recipe one after the other: each begins with the model that the one before has finished. */

import { lockFolder } from "../../checkpoint/lock.js"
import { finishedModel } from "../../checkpoint/training-output.js"
import { cutsAnew, type Stage, type TrainingPlan } from "../recipe/plan.js"
import { type TrainOptions, train } from "../trainer.js"
import { checkStages } from "./check-stages.js"
import type { TrainingEvent } from "./events.js"
import { requirePlaces } from "./output-places.js"
import { runStage } from "./run-stage.js"
import { type EarlierStage, findParts, type StartingModel, startOf } from "./start.js"

export type PlanEvent =
  | TrainingEvent
  /** Before a stage; not for a recipe without stages. */
  | { type: "stage"; index: number; count: number; name: string }
  /** All stages are done. */
  | { type: "finished"; model: string; stages: StageOutcome[] }

/** What became of a stage. */
export interface StageOutcome {
  stage: Stage
  /** Weights that it learned. */
  parameters: number
  samples: number
  /** Of training, in all sessions together. */
  seconds: number
}

/**
 * Trains all stages. After an interruption the same call goes on in the stage, and at the step, where it was: a stage never
 * begins before the one before it is done. What a later stage would be refused for is said before the first one trains.
 * @throws UserError also when a finished stage was trained with other settings than the recipe has now, or one that others were built on
 *   would go on
 */
export async function* runPlan(plan: TrainingPlan, options: TrainOptions = {}): AsyncGenerator<PlanEvent> {
  const { stages, isStaged, output } = plan
  if (!isStaged) {
    const [stage] = stages
    const outcome = yield* followed(stage, train(stage.config, options))
    if (outcome) yield finishedWith([outcome])
    return
  }
  const lock = lockFolder(output)
  try {
    requirePlaces({ folders: [output, ...stages.map(({ config }) => config.output)] })
    yield* runStages(stages, options)
  } finally {
    lock.release()
  }
}

async function* runStages(stages: readonly Stage[], { signal, onDownload }: TrainOptions): AsyncGenerator<PlanEvent> {
  const parts = await findParts(stages[0].config, { signal, onEvent: onDownload })
  await checkStages(stages, parts)
  const outcomes: StageOutcome[] = []
  for (const [index, stage] of stages.entries()) {
    yield { type: "stage", index, count: stages.length, name: stage.name }
    const start = (): StartingModel => startOf(stage.config, parts, earlierOf(stages, index))
    const later = stages.slice(index + 1).map(({ config }) => config.output)
    const outcome = yield* followed(stage, runStage(stage.config, { start, later, signal }))
    if (!outcome) return
    outcomes.push(outcome)
  }
  yield finishedWith(outcomes)
}

/** @returns what became of the stage; undefined where it was stopped */
async function* followed(
  stage: Stage,
  events: AsyncIterable<TrainingEvent>,
): AsyncGenerator<TrainingEvent, StageOutcome | undefined> {
  let learns = { parameters: 0, samples: 0 }
  for await (const event of events) {
    if (event.type === "start") learns = { parameters: event.parameters, samples: event.samples }
    yield event
    if (event.type === "done") return { stage, ...learns, seconds: event.seconds }
  }
  return undefined
}

const finishedWith = (stages: StageOutcome[]): PlanEvent => ({
  type: "finished",
  model: finishedModel(stages[stages.length - 1].stage.config.output),
  stages,
})

/** A later stage takes the model as it is, or only its connector where pictures are now cut in another way. */
function earlierOf(stages: readonly Stage[], index: number): EarlierStage | undefined {
  if (index === 0) return undefined
  const model = finishedModel(stages[index - 1].config.output)
  return cutsAnew(stages, index) ? { connector: model } : { model }
}
