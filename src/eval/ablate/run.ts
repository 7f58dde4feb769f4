/** Trains what is to be trained and measures every variant. What is done is kept: stopped at any moment, the same call goes on there. */

import { join } from "node:path"
import { explaining } from "../../checkpoint/files.js"
import { openModel } from "../../generate/session.js"
import type { ResolveOptions } from "../../hub/resolve.js"
import { makeFolder } from "../../make-folder.js"
import { resolveWithBase } from "../../models/adapters/base-model.js"
import { fingerprintOf } from "../../models/fingerprint.js"
import type { Device, DType } from "../../torch/index.js"
import { type TrainingEvent, train } from "../../train/trainer.js"
import { type Measured, Measurement } from "../measure.js"
import type { NamedMetric } from "../metrics.js"
import type { Question } from "../questions.js"
import type { Plan, Variant } from "./plan.js"
import { TimeLeft } from "./time-left.js"

export interface Result {
  variant: Variant
  measured: Measured
}

/** What is shown while it runs; `left` is seconds to the end of everything, where it is known. */
export interface Observer {
  training(variant: Variant, event: TrainingEvent, left: number | undefined): void
  /** @param done of the answers of all variants of this model, `total` */
  answered(variant: Variant, done: number, total: number, left: number | undefined): void
}

export interface AblationOptions {
  questions: readonly Question[]
  metrics: readonly NamedMetric[]
  /** Answers that are decoded at the same time. */
  concurrent: number
  /** Everything is written here. */
  out: string
  dtype: DType
  device: Device
  signal?: AbortSignal
  onDownload?: ResolveOptions["onEvent"]
  observer: Observer
}

/** Rounds in which the variants of one model are measured, at most. */
const ROUNDS = 4

/** @throws the reason of `signal` when it is aborted */
export async function runAblation({ variants }: Plan, options: AblationOptions): Promise<Result[]> {
  const { questions, out, signal } = options
  const answers = join(out, "answers")
  explaining(answers, () => makeFolder(answers))
  const left = new TimeLeft({
    training: variants.filter(({ training }) => training).length,
    answers: variants.length * questions.length,
  })
  const results: Result[] = []
  for (const group of ofOneModel(variants)) {
    const [{ training }] = group
    if (training) await trainVariant(group[0], left, options)
    signal?.throwIfAborted()
    results.push(...(await measureVariants(group, answers, left, options)))
  }
  return results
}

/** Neighbours that are ways of decoding one model. */
function ofOneModel(variants: readonly Variant[]): Variant[][] {
  const groups: Variant[][] = []
  for (const variant of variants) {
    const last = groups.at(-1)
    if (last?.[0].model === variant.model && last[0].base === variant.base) last.push(variant)
    else groups.push([variant])
  }
  return groups
}

/** A finished training is found as such, or as one with other settings. */
async function trainVariant(
  variant: Variant,
  left: TimeLeft,
  { signal, onDownload, observer }: AblationOptions,
): Promise<void> {
  let progress: number | undefined
  let last = performance.now()
  const upTo = (part: number): void => {
    const now = performance.now()
    if (progress === undefined) left.skip("training", part)
    else left.add("training", part - progress, (now - last) / 1000)
    progress = part
    last = now
  }
  for await (const event of train(variant.training!, { signal, onDownload })) {
    if (event.type === "step") upTo(event.metrics.progress)
    if (event.type === "done") upTo(1)
    observer.training(variant, event, left.seconds)
    if (event.type === "interrupted") throw signal?.reason
  }
}

/** In turns, so that their speeds can be compared on a machine whose load changes. Only this model is in memory. */
async function measureVariants(
  variants: readonly Variant[],
  folder: string,
  left: TimeLeft,
  options: AblationOptions,
): Promise<Result[]> {
  const { questions, metrics, concurrent, dtype, device, signal, onDownload, observer } = options
  const [{ model, base }] = variants
  const adapted = base === undefined ? {} : { base }
  const found = await resolveWithBase(model, { signal, onEvent: onDownload, ...adapted })
  const fingerprint = await fingerprintOf(found.folder, found.base)
  const measurements = variants.map((variant): Measurement => {
    const { model, decoding, key } = variant
    const onAnswer = (seconds: number): void => {
      left.add("answers", 1, seconds)
      const done = measurements.reduce((sum, each) => sum + each.done, 0)
      observer.answered(variant, done, variants.length * questions.length, left.seconds)
    }
    const how = { decoding, metrics, concurrent, dtype, device }
    return new Measurement(questions, { model, fingerprint, ...how, folder, key, signal, onAnswer })
  })
  for (const { done } of measurements) left.skip("answers", done)
  if (measurements.some(({ done }) => done < questions.length)) {
    const session = await openModel(model, { dtype, device, signal, ...adapted })
    await measurements[0].warmUp(session)
    const most = Math.max(2 * concurrent, Math.ceil(questions.length / ROUNDS))
    while (measurements.some(({ done }) => done < questions.length))
      for (const measurement of measurements) await measurement.answer(session, most)
  }
  const results: Result[] = []
  for (const [i, variant] of variants.entries()) results.push({ variant, measured: await measurements[i].result() })
  return results
}
