/** Runs the stages of a recipe one after the other: each begins with the model that the one before has finished. */

import { lockFolder } from "../checkpoint/lock.js"
import { requirePlaces } from "./output-places.js"
import type { Stage, TrainingPlan } from "./plan.js"
import type { StageStart } from "./start.js"
import { finishedModel, type TrainingEvent, type TrainOptions, train } from "./trainer.js"

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
 * begins before the one before it is done.
 * @throws UserError also when a finished stage was trained with other settings than the recipe has now
 */
export async function* runPlan(
  plan: TrainingPlan,
  options: Omit<TrainOptions, keyof StageStart> = {},
): AsyncGenerator<PlanEvent> {
  if (!plan.isStaged) {
    yield* runStages(plan, options)
    return
  }
  const lock = lockFolder(plan.output)
  try {
    requirePlaces({ folders: [plan.output, ...plan.stages.map(({ config }) => config.output)] })
    yield* runStages(plan, options)
  } finally {
    lock.release()
  }
}

async function* runStages(
  { stages, isStaged }: TrainingPlan,
  options: Omit<TrainOptions, keyof StageStart>,
): AsyncGenerator<PlanEvent> {
  const outcomes: StageOutcome[] = []
  for (const [index, stage] of stages.entries()) {
    if (isStaged) yield { type: "stage", index, count: stages.length, name: stage.name }
    const outcome: StageOutcome = { stage, parameters: 0, samples: 0, seconds: 0 }
    let isDone = false
    for await (const event of train(stage.config, { ...options, ...startOf(stages, index) })) {
      if (event.type === "start") Object.assign(outcome, { parameters: event.parameters, samples: event.samples })
      if (event.type === "done") {
        outcome.seconds = event.seconds
        isDone = true
      }
      yield event
    }
    if (!isDone) return
    outcomes.push(outcome)
  }
  yield { type: "finished", model: finishedModel(stages[stages.length - 1].config.output), stages: outcomes }
}

/** A later stage takes the model as it is, or only its connector where pictures are now cut in another way. */
function startOf(stages: readonly Stage[], index: number): StageStart {
  if (index === 0) return {}
  const [before, now] = [stages[index - 1].config, stages[index].config]
  const model = finishedModel(before.output)
  return before.vision?.anyres === now.vision?.anyres ? { from: model } : { connectorFrom: model }
}
