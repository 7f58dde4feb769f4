/** What scores are computed with, by commands that show what is fetched for it. */

import { UserError } from "../../errors.js"
import { metricTools } from "../../eval/metric-tools.js"
import type { MetricTools } from "../../eval/task/task.js"
import { downloadObserver } from "../open-model.js"

/** @param encoder of BERTScore: a folder or hub id; had when a task needs it */
export function scoringTools(encoder: string | undefined, signal?: AbortSignal): MetricTools {
  const { onEvent, finish } = downloadObserver("the encoder of BERTScore")
  const tools = metricTools({ encoder, signal, onEvent })
  return { ...tools, encoder: () => tools.encoder().finally(finish).catch(named) }
}

/** What a task needs is not what was typed: the option that gives it is named. */
function named(error: unknown): never {
  if (!(error instanceof UserError)) throw error
  const { message, where, fix = "" } = error
  throw new UserError(`the text encoder of BERTScore (--bertscore) cannot be had: ${message}`, {
    where,
    fix: `${fix.replace(/[^.]$/, "$&.")} Another one, such as a folder, is given by --bertscore or DIFFUSIONVL_BERTSCORE.`.trim(),
    cause: error,
  })
}
