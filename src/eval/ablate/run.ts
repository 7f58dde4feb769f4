/** Trains what is to be trained and measures every variant. What is done is kept: stopped at any moment, the same call goes on there. */

import { createHash } from "node:crypto"
import { statSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { explaining } from "../../checkpoint/files.js"
import { openModel, type Session } from "../../generate/session.js"
import type { ResolveOptions } from "../../hub/resolve.js"
import { makeFolder } from "../../make-folder.js"
import { resolveWithBase } from "../../models/base-model.js"
import type { Device, DType } from "../../torch/index.js"
import { type TrainingEvent, train } from "../../train/trainer.js"
import { fingerprintOf } from "../fingerprint.js"
import { type Measured, measure } from "../measure.js"
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
  answered(variant: Variant, done: number, total: number, left: number | undefined): void
}

export interface AblationOptions {
  questions: readonly Question[]
  metrics: readonly NamedMetric[]
  /** Answers that are decoded at the same time. */
  concurrent: number
  /** Everything is written here. */
  out: string
  dtype?: DType | "auto"
  device?: Device | "auto"
  signal?: AbortSignal
  onDownload?: ResolveOptions["onEvent"]
  observer: Observer
}

/** @throws the reason of `signal` when it is aborted */
export async function runAblation({ variants }: Plan, options: AblationOptions): Promise<Result[]> {
  const { questions, out, signal } = options
  const answers = join(out, "answers")
  explaining(answers, () => makeFolder(answers))
  const left = new TimeLeft({
    training: variants.filter(({ training }) => training).length,
    answers: variants.length * questions.length,
  })
  const opened: Opened = { of: undefined }
  const results: Result[] = []
  for (const variant of variants) {
    if (variant.training) {
      // One model in memory at a time.
      opened.of = undefined
      await trainVariant(variant, left, options)
    }
    signal?.throwIfAborted()
    results.push({ variant, measured: await measureVariant(variant, answers, opened, left, options) })
  }
  return results
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

/** The session that was opened last. */
interface Opened {
  of: { model: string; base?: string; session: Session } | undefined
}

async function measureVariant(
  variant: Variant,
  folder: string,
  opened: Opened,
  left: TimeLeft,
  { questions, metrics, concurrent, dtype = "auto", device = "auto", signal, onDownload, observer }: AblationOptions,
): Promise<Measured> {
  const { model, base, decoding, key } = variant
  const found = await resolveWithBase(model, { signal, onEvent: onDownload, ...(base !== undefined && { base }) })
  const how = { decoding, concurrent, dtype, device, processor: cpus()[0]?.model }
  // Not where the model lies.
  const hash = createHash("sha256")
    .update(JSON.stringify([await fingerprintOf(found.folder, found.base), how, questions.map(identityOf)]))
    .digest("hex")
    .slice(0, 12)
  let last = performance.now()
  let done = 0
  const measured = await measure(
    async () => {
      if (opened.of?.model !== model || opened.of.base !== base) {
        opened.of = undefined
        const session = await openModel(model, { dtype, device, signal, ...(base !== undefined && { base }) })
        opened.of = { model, base, session }
      }
      return opened.of.session
    },
    questions,
    {
      decoding,
      metrics,
      concurrent,
      file: join(folder, `${key}-${hash}.jsonl`),
      about: { model, ...how },
      signal,
      onAnswer(count) {
        const now = performance.now()
        // Those that were known, and the first one now: it waited for the model to be opened.
        if (done === 0) left.skip("answers", count)
        else left.add("answers", 1, (now - last) / 1000)
        done = count
        last = now
        observer.answered(variant, count, questions.length, left.seconds)
      },
    },
  )
  left.skip("answers", questions.length - done)
  return measured
}

/** What an answer depends on. */
function identityOf({ messages, images }: Question): unknown {
  const pictures = images.map((image) => {
    const { size, mtimeMs } = explaining(image, () => statSync(image))
    return [image, size, mtimeMs]
  })
  return [messages, pictures]
}
