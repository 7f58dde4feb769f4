/** Plans an ablation, shows it while it runs, and says where its report is. */

import { relative, resolve } from "node:path"
import { sweepPartials } from "../../checkpoint/files.js"
import { lockFolder } from "../../checkpoint/lock.js"
import { UserError } from "../../errors.js"
import { planBlockSizes, requireTrainable } from "../../eval/ablate/block-sizes.js"
import { asItIs, planSteps, planThresholds, type Subject, titlesOf } from "../../eval/ablate/decodings.js"
import { nameOf, type Plan } from "../../eval/ablate/plan.js"
import { reportFiles, writeReport } from "../../eval/ablate/report.js"
import { type Observer, runAblation } from "../../eval/ablate/run.js"
import { metricNamed, type NamedMetric } from "../../eval/metrics.js"
import { type Question, readQuestions } from "../../eval/questions.js"
import { computeOn } from "../../models/load.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import type { Device, DType } from "../../torch/index.js"
import { requirePlaces } from "../../train/run/output-places.js"
import { downloadObserver, openForCommand } from "../open-model.js"
import { interruptible } from "../process/interrupt.js"
import { shellWord } from "../shell.js"
import { formatCount, formatDuration } from "../ui/format.js"
import { PartProgress } from "../ui/parts.js"

export interface QuestionOptions {
  questions: string
  imageRoot?: string
  limit?: number
  metric?: string[]
  against?: string[]
  maxTokens: number
  concurrent: number
  dtype: string
  device: string
  out: string
  /** What is typed to start the program. */
  program: string
}
export interface ModelOptions extends QuestionOptions {
  model: string
  base?: string
  blockSize?: number
}

const METRICS = ["exact", "relaxed"]

export async function ablateBlockSize(
  model: string | undefined,
  options: QuestionOptions & { recipe: string; set?: string[]; sizes: number[] },
): Promise<void> {
  const { recipe, set = [], sizes, maxTokens } = options
  const out = resolve(options.out)
  await ablate(options, async (signal) => {
    const start = model === undefined ? [] : [{ key: "model", value: model, option: "the model" }]
    const plan = planBlockSizes({ recipe, set: [...set, ...start], sizes, maxTokens, out })
    let blind: string | undefined
    for (const { training, decoding } of plan.variants) {
      const download = downloadObserver(training!.model)
      const sees = await requireTrainable(training!, decoding, { signal, onEvent: download.onEvent })
      if (!sees) blind = training!.model
      download.finish()
    }
    const others = await open(options.against ?? [], options, signal)
    const variants = [...plan.variants, ...others.map((other) => asItIs(other, [other.title], maxTokens))]
    return { plan: { ...plan, variants }, blind: blind ?? others.find(isBlind)?.title }
  })
}

export async function ablateSteps(options: ModelOptions & { steps?: number[] }): Promise<void> {
  const { steps, blockSize, maxTokens } = options
  await ablateDecoding(options, (subject, others) =>
    planSteps(subject, others, { steps, decoding: { blockSize, maxTokens } }),
  )
}

export async function ablateThreshold(
  options: ModelOptions & { thresholds: number[]; remasking?: string },
): Promise<void> {
  const { thresholds, blockSize, maxTokens } = options
  const strategy = options.remasking as DecodingOptions["strategy"]
  await ablateDecoding(options, (subject, others) =>
    planThresholds(subject, others, { thresholds, decoding: { blockSize, strategy, maxTokens } }),
  )
}

async function ablateDecoding(
  options: ModelOptions,
  planOf: (subject: Subject, others: Subject[]) => Plan,
): Promise<void> {
  await ablate(options, async (signal) => {
    const [subject, ...others] = await open([options.model, ...(options.against ?? [])], options, signal)
    return { plan: planOf(subject, others), blind: [subject, ...others].find(isBlind)?.title }
  })
}

/** Models are opened to be looked at, and again when their turn comes: only one at a time is in memory. */
async function open(
  models: readonly string[],
  { dtype, device, model: adapted, base }: QuestionOptions & Partial<ModelOptions>,
  signal: AbortSignal,
): Promise<Subject[]> {
  const titles = titlesOf(models)
  const subjects: Subject[] = []
  for (const [i, model] of models.entries()) {
    const adapter = model === adapted && base !== undefined ? { base } : {}
    const { model: _, executor: __, ...session } = await openForCommand(model, { dtype, device, ...adapter }, signal)
    subjects.push({ session, model, title: titles[i], ...adapter })
  }
  return subjects
}

const isBlind = ({ session }: Subject): boolean => session.images === undefined

/**
 * Everything that can be wrong is found before the first file is written.
 * @param planOf makes the plan, and names a model that reads text only
 */
async function ablate(
  options: QuestionOptions,
  planOf: (signal: AbortSignal) => Promise<{ plan: Plan; blind: string | undefined }>,
): Promise<void> {
  const out = resolve(options.out)
  const { questions: file, imageRoot, limit, concurrent } = options
  await interruptible(async (signal) => {
    const compute = computeOn({ dtype: options.dtype as DType | "auto", device: options.device as Device | "auto" })
    const metrics: NamedMetric[] = []
    for (const name of options.metric ?? METRICS) metrics.push(await metricNamed(name, signal))
    const questions = await readQuestions(resolve(file), { imageRoot: imageRoot && resolve(imageRoot), limit })
    requirePlaces({ folders: [out], files: reportFiles(out) })
    const { plan, blind } = await planOf(signal)
    if (blind !== undefined) requireNoPictures(questions, blind)
    const lock = lockFolder(out)
    const progress = new PartProgress()
    try {
      await sweepPartials(out, { alone: true })
      const results = await runAblation(plan, {
        questions,
        metrics,
        concurrent,
        out,
        ...compute,
        signal,
        observer: shownIn(progress),
      })
      const command = [options.program, ...process.argv.slice(2).map(shellWord)].join(" ")
      const files = await writeReport(out, { plan, results, questions, metrics, concurrent, command })
      progress.end()
      for (const path of files) process.stdout.write(`report   ${relative(".", path)}\n`)
    } finally {
      progress.end(signal.aborted ? "stopped; the same command goes on from here" : undefined)
      lock.release()
    }
  })
}

function requireNoPictures(questions: readonly Question[], model: string): void {
  const about = questions.find(({ images }) => images.length > 0)
  if (!about) return
  throw new UserError(`${model} reads text only: it cannot see the picture of a question`, {
    where: about.where,
    fix: "give questions without pictures, or a vision-language model",
  })
}

/** A moving line for each training, and for each model that is measured. */
const shownIn = (progress: PartProgress): Observer => ({
  training(variant, event, left) {
    if (event.type === "step") {
      const { step, progress: done, loss, tokensPerSecond } = event.metrics
      const detail = `step ${step} · loss ${loss.toFixed(3)} · ${formatCount(tokensPerSecond)} tokens/s`
      progress.update(nameOf(variant), done, 1, detail, left)
    }
    if (event.type === "interrupted")
      progress.end(`stopped at step ${event.step}; the same command goes on from ${event.folder}`)
    if (event.type === "done") progress.end(`${nameOf(variant)} · trained in ${formatDuration(event.seconds)}`)
  },
  answered(variant, done, total, left) {
    progress.update(variant.curve, done, total, `${done} of ${total} answers · ${variant.label}`, left)
  },
})
