/** What scores are computed with, by commands that show what is fetched for it. */

import { metricTools } from "../../eval/metric-tools.js"
import type { MetricTools } from "../../eval/task/task.js"
import { downloadObserver } from "../open-model.js"

/** @param encoder of BERTScore: a folder or hub id; had when a task needs it */
export function scoringTools(encoder: string | undefined, signal?: AbortSignal): MetricTools {
  const { onEvent, finish } = downloadObserver("the encoder of BERTScore")
  const tools = metricTools({ encoder, signal, onEvent })
  return { ...tools, encoder: () => tools.encoder().finally(finish) }
}
