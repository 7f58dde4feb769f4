/** Plans an ablation, shows it while it runs, and says where its report is. */

import { resolve } from "node:path"
import { sweepPartials } from "../../checkpoint/files.js"
import { lockFolder } from "../../checkpoint/lock.js"
import { UserError } from "../../errors.js"
import { planBlockSizes, requireTrainable } from "../../eval/ablate/block-sizes.js"
import { asItIs, planSteps, planThresholds, type Subject, titlesOf } from "../../eval/ablate/decodings.js"
import { nameOf, type Plan } from "../../eval/ablate/plan.js"
import { reportFiles, writeReport } from "../../eval/ablate/report.js"
import { type Observer, runAblation } from "../../eval/ablate/run.js"
import { generationOf } from "../../eval/run/generation.js"
import { closeTasks, type OpenTask } from "../../eval/run/open-tasks.js"
import { requireOptions } from "../../generate/generate.js"
import { computeOn } from "../../models/load.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import type { Device, DType } from "../../torch/index.js"
import { requirePlaces } from "../../train/run/output-places.js"
import { downloadObserver, openForCommand } from "../open-model.js"
import { interruptible } from "../process/interrupt.js"
import { typedCommand } from "../shell.js"
import { formatCount, formatDuration } from "../ui/format.js"
import { PartProgress } from "../ui/parts.js"
import { shownPath } from "../ui/path.js"
import { type AskedOptions, answerTokens, openAsked } from "./asked-tasks.js"
import { scoringTools } from "./scoring-tools.js"

export interface AblateOptions extends AskedOptions {
  limit?: number
  /** As the authors decode and count. */
  compat?: boolean
  /** Text encoder of BERTScore. */
  bertscore?: string
  against?: string[]
  maxTokens?: number
  concurrent: number
  dtype: string
  device: string
  out: string
  /** What is typed to start the program. */
  program: string
}

export interface ModelOptions extends AblateOptions {
  model: string
  base?: string
  blockSize?: number
}

/** A plan, and the name of a model in it that reads text only. */
interface Planned {
  plan: Plan
  blind?: string
}

/** @param maxTokens of an answer, where it is the same for all tasks */
type Planner = (maxTokens: number | undefined, tasks: readonly OpenTask[], signal: AbortSignal) => Promise<Planned>

export async function ablateBlockSize(
  model: string | undefined,
  options: AblateOptions & { recipe: string; set?: string[]; sizes: number[] },
): Promise<void> {
  const { recipe, set = [], sizes } = options
  const out = resolve(options.out)
  await ablate(options, async (maxTokens, tasks, signal) => {
    const start = model === undefined ? [] : [{ key: "model", value: model, option: "the model" }]
    const plan = planBlockSizes({ recipe, set: [...set, ...start], sizes, maxTokens, out })
    let blind: string | undefined
    for (const { training, decoding } of plan.variants) {
      const download = downloadObserver(training!.model)
      const sees = await requireTrainable(training!, decoding, { signal, onEvent: download.onEvent })
      if (!sees) blind = training!.model
      download.finish()
    }
    const others = await openSubjects(options.against ?? [], options, signal)
    const variants = [...plan.variants, ...others.map((other) => asItIs(other, [other.title], maxTokens))]
    requireDecodable(others, variants, tasks, options)
    return { plan: { ...plan, variants }, blind: blind ?? others.find(isBlind)?.title }
  })
}

export async function ablateSteps(options: ModelOptions & { steps?: number[] }): Promise<void> {
  const { steps, blockSize } = options
  await ablateDecoding(options, (subject, others, maxTokens) =>
    planSteps(subject, others, { steps, decoding: { blockSize, maxTokens } }),
  )
}

export async function ablateThreshold(
  options: ModelOptions & { thresholds: number[]; remasking?: string },
): Promise<void> {
  const { thresholds, blockSize, compat } = options
  // The authors' program remasks statically where nothing is said.
  const remasking = options.remasking ?? (compat ? "low_confidence_dynamic" : undefined)
  const strategy = remasking as DecodingOptions["strategy"]
  await ablateDecoding(options, (subject, others, maxTokens) =>
    planThresholds(subject, others, { thresholds, decoding: { blockSize, strategy, maxTokens } }),
  )
}

async function ablateDecoding(
  options: ModelOptions,
  planOf: (subject: Subject, others: Subject[], maxTokens: number | undefined) => Plan,
): Promise<void> {
  await ablate(options, async (maxTokens, tasks, signal) => {
    const subjects = await openSubjects([options.model, ...(options.against ?? [])], options, signal)
    const [subject, ...others] = subjects
    const whole = subjects.find(({ session }) => session.paradigm.wholeAnswer)
    if (whole && maxTokens === undefined)
      throw new UserError(`the tasks have answers of different lengths, and ${whole.title} decodes whole answers`, {
        fix: "give --max-tokens, which then holds for all of them",
      })
    const plan = planOf(subject, others, maxTokens)
    requireDecodable(subjects, plan.variants, tasks, options)
    return { plan, blind: subjects.find(isBlind)?.title }
  })
}

/** @throws UserError for a variant that cannot be decoded as the tasks want it */
export function requireDecodable(
  subjects: readonly Subject[],
  variants: Plan["variants"],
  tasks: readonly OpenTask[],
  { compat }: { compat?: boolean },
): void {
  for (const { session, model } of subjects) {
    const { paradigm } = session
    for (const { decoding } of variants.filter((variant) => variant.model === model))
      for (const { task } of tasks)
        requireOptions(session, generationOf(task, { options: decoding, compat, paradigm }).decoding)
  }
}

/** Models are opened to be looked at, and again when their turn comes: only one at a time is in memory. */
export async function openSubjects(
  models: readonly string[],
  { dtype, device, model: adapted, base }: Pick<AblateOptions, "dtype" | "device"> & Partial<ModelOptions>,
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

export const isBlind = ({ session }: Subject): boolean => session.images === undefined

/** Everything that can be wrong is found before the first file is written. */
async function ablate(options: AblateOptions, planOf: Planner): Promise<void> {
  const out = resolve(options.out)
  const { limit, concurrent, compat, maxTokens } = options
  await interruptible(async (signal) => {
    const compute = computeOn({ dtype: options.dtype as DType | "auto", device: options.device as Device | "auto" })
    const tools = scoringTools(options.bertscore, signal)
    const { tasks, showsPictures, write } = await openAsked(options, { out, tools, signal })
    try {
      requirePlaces({ folders: [out], files: reportFiles(out) })
      const { plan, blind } = await planOf(answerTokens(tasks, { maxTokens, compat }) ?? maxTokens, tasks, signal)
      if (blind !== undefined && showsPictures)
        throw new UserError(`${blind} reads text only: it cannot see the pictures that are asked about`, {
          fix: "ask without pictures, or a vision-language model",
        })
      const files = await runPlan(plan, {
        ...compute,
        tasks,
        limit,
        compat,
        concurrent,
        out,
        tools,
        signal,
        write,
        command: typedCommand(options.program),
      })
      for (const path of files) process.stdout.write(`report   ${shownPath(path)}\n`)
    } finally {
      closeTasks(tasks)
    }
  })
}

type RunPlanOptions = Omit<Parameters<typeof runAblation>[1], "observer"> & {
  command: string
  signal: AbortSignal
  /** Before the first answer. */
  write?: () => Promise<void>
}

/** Runs it in a folder that is its own meanwhile, with a moving line. @returns the report's files */
export async function runPlan(plan: Plan, { write, ...options }: RunPlanOptions): Promise<string[]> {
  const { out, tasks, concurrent, compat, command, signal } = options
  const lock = lockFolder(out)
  const progress = new PartProgress()
  try {
    await sweepPartials(out, { alone: true })
    await write?.()
    const results = await runAblation(plan, { ...options, observer: shownIn(progress) })
    const files = await writeReport(out, { plan, results, tasks, concurrent, compat, command })
    progress.end()
    return files
  } finally {
    progress.end(signal.aborted ? "stopped; the same command goes on from here" : undefined)
    lock.release()
  }
}

/** A moving line for each training, and for each model that is measured. */
const shownIn = (progress: PartProgress): Observer => ({
  training(variant, event, left) {
    if (event.type === "step") {
      const { step, progress: done, loss, tokensPerSecond } = event.metrics
      const facts = [`step ${step}`, `loss ${loss.toFixed(3)}`, `${formatCount(tokensPerSecond)} tokens/s`]
      progress.update(nameOf(variant), done, 1, facts, left)
    }
    if (event.type === "interrupted")
      progress.end(`stopped at step ${event.step}; the same command goes on from ${event.folder}`)
    if (event.type === "done") progress.end(`${nameOf(variant)} · trained in ${formatDuration(event.seconds)}`)
  },
  answered(variant, done, total, left) {
    progress.update(variant.curve, done, total, [`${done} of ${total} answers`, variant.label], left)
  },
})
