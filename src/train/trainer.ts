/** Training, for any paradigm on any model: a recipe in, events out. */

import type { ResolveOptions } from "../hub/resolve.js"
import type { TrainingConfig } from "./recipe/config.js"
import type { TrainingEvent } from "./run/events.js"
import { runStage } from "./run/run-stage.js"
import { openStart } from "./run/start.js"

export { finishedModel } from "../checkpoint/training-output.js"
export type { TrainingEvent } from "./run/events.js"

export interface TrainOptions {
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
export const train = (
  config: TrainingConfig,
  { signal, onDownload }: TrainOptions = {},
): AsyncGenerator<TrainingEvent> =>
  runStage(config, { start: () => openStart(config, { signal, onEvent: onDownload }), signal })
