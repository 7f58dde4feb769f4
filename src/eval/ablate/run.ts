/** Trains what is to be trained and measures every variant. What is done is kept: stopped at any moment, the same call goes on there. */

import { join } from "node:path"
import type { ResolveOptions } from "../../hub/resolve.js"
import type { Device, DType } from "../../torch/index.js"
import { type TrainingEvent, train } from "../../train/trainer.js"
import { localSubject } from "../answerer/subject.js"
import type { OpenTask } from "../run/open-tasks.js"
import { firstDocuments } from "../run/selection.js"
import { TimeLeft } from "../time-left.js"
import { type MeasuredWay, type MeasureOptions, measureInTurns } from "./measure.js"
import type { Plan, Variant } from "./plan.js"

/** A variant with its run, which lies in a folder of its own. */
export interface Result extends MeasuredWay {
  variant: Variant
}

/** What is shown while it runs; `left` is seconds to the end of everything, where it is known. */
export interface Observer {
  training(variant: Variant, event: TrainingEvent, left: number | undefined): void
  /** @param done of the answers of all variants of this model, `total` */
  answered(variant: Variant, done: number, total: number, left: number | undefined): void
}

export interface AblationOptions extends Pick<MeasureOptions, "limit" | "compat" | "command" | "tools" | "signal"> {
  tasks: readonly OpenTask[]
  /** Answers that are decoded at the same time. */
  concurrent: number
  /** Everything is written here; the run of each variant in a folder of its own in `runs`. */
  out: string
  dtype: DType | "auto"
  device: Device | "auto"
  onDownload?: ResolveOptions["onEvent"]
  observer: Observer
}

/** @throws the reason of `signal` when it is aborted */
export async function runAblation({ variants }: Plan, options: AblationOptions): Promise<Result[]> {
  const { tasks, limit, signal } = options
  const documents = tasks.reduce((sum, { documents }) => sum + firstDocuments(documents.count, limit), 0)
  const left = new TimeLeft({
    training: variants.filter(({ training }) => training).length,
    answers: variants.length * documents,
  })
  const results: Result[] = []
  for (const group of ofOneModel(withOwnKeys(variants))) {
    const [{ training }] = group
    if (training) await trainVariant(group[0], left, options)
    signal?.throwIfAborted()
    results.push(...(await measureVariants(group, left, options)))
  }
  return results
}

/** Folders are called by them. */
function withOwnKeys(variants: readonly Variant[]): Variant[] {
  const taken = new Set(variants.map(({ key }) => key))
  const given = new Set<string>()
  return variants.map((variant) => {
    let { key } = variant
    for (let n = 2; given.has(key); n++) if (!taken.has(`${variant.key}-${n}`)) key = `${variant.key}-${n}`
    given.add(key)
    taken.add(key)
    return key === variant.key ? variant : { ...variant, key }
  })
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

/** Only this model is in memory. */
async function measureVariants(
  variants: readonly Variant[],
  left: TimeLeft,
  { dtype, device, onDownload, observer, out, ...options }: AblationOptions,
): Promise<Result[]> {
  const [{ model, base }] = variants
  const { signal, compat } = options
  const how = { dtype, device, compat, signal, onEvent: onDownload, ...(base !== undefined && { base }) }
  const found = await measureInTurns(await localSubject(model, how), variants, {
    ...options,
    folder: join(out, RUNS),
    onBegin: (known) => left.skip("answers", known),
    onAnswer(way, { seconds }, done, total) {
      left.add("answers", 1, seconds)
      observer.answered(variants[way], done, total, left.seconds)
    },
  })
  return found.map((measured, i) => ({ variant: variants[i], ...measured }))
}

/** The folder of the variants' runs. */
const RUNS = "runs"
