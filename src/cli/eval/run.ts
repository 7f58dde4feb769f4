/** Runs an evaluation, shows it while it runs, and prints its scores. */

import { basename, join, resolve } from "node:path"
import { UserError } from "../../errors.js"
import type { ReuseStatistics } from "../../eval/answerer/answerer.js"
import { localSubject, remoteSubject, type Subject } from "../../eval/answerer/subject.js"
import { markdownTable, notesOf, problemsOf, runLine, scoreRows } from "../../eval/results/printed.js"
import { rescore } from "../../eval/results/rescore.js"
import { scoreRun } from "../../eval/results/score-run.js"
import type { ScoredRun } from "../../eval/results/scored-run.js"
import { evaluate } from "../../eval/run/evaluate.js"
import { parseKwargs } from "../../eval/run/generation.js"
import { mergeRuns } from "../../eval/run/merge.js"
import { closeTasks, openTasks } from "../../eval/run/open-tasks.js"
import { parseShard } from "../../eval/run/selection.js"
import { modeWarning } from "../../generate/mode.js"
import { paradigms } from "../../paradigms/registry.js"
import type { Device, DType } from "../../torch/index.js"
import { type DecodingFlags, decodingOptions } from "../answer/generate.js"
import type { LikelihoodFlags } from "../commands/likelihood.js"
import { downloadObserver } from "../open-model.js"
import { interruptible } from "../process/interrupt.js"
import { typedCommand } from "../shell.js"
import { shownPath } from "../ui/path.js"
import { formatTable } from "../ui/table.js"
import { boundOf } from "./likelihood.js"
import { EvaluationProgress } from "./progress.js"
import { scoringTools } from "./scoring-tools.js"
import { dataOf } from "./task-data.js"

export interface EvaluateCommandOptions extends DecodingFlags, LikelihoodFlags {
  tasks?: string[]
  data?: string[]
  limit?: number
  shard?: string
  shots?: number
  out?: string
  concurrent: number
  retryFailed?: boolean
  compat?: boolean
  genKwargs?: string
  url?: string
  apiKey?: string
  base?: string
  dtype: string
  device: string
  bertscore?: string
  /** What is typed to start the program. */
  program: string
}

export async function evaluateCommand(model: string | undefined, options: EvaluateCommandOptions): Promise<void> {
  const { tasks: names = [], url, limit, shots, concurrent, retryFailed, compat = false, program } = options
  if (model === undefined && url === undefined)
    throw new UserError("there is no model to evaluate", {
      fix: "for example: diffusionvl eval emoji-diffusion --tasks mmmu_val, or --url of a server",
    })
  if (names.length === 0) throw new UserError("there are no tasks", { fix: "for example: --tasks mmmu_val,ai2d" })
  const kwargs = options.genKwargs === undefined ? undefined : parseKwargs(options.genKwargs)
  const bound = boundOf(options)
  if (bound && url !== undefined)
    throw new UserError("a server tells its own likelihoods: there is no bound to choose", {
      where: "--likelihood",
      fix: "leave it out, or give a model of this machine",
    })
  const shard = options.shard === undefined ? undefined : parseShard(options.shard)
  const out = resolve(options.out ?? join("runs", `eval-${basename(model ?? hostOf(url!))}`))
  await interruptible(async (signal) => {
    const data = new Map((options.data ?? []).map(dataOf))
    const download = downloadObserver("data")
    const tasks = await openTasks(names, { data, shots, download: { signal, onEvent: download.onEvent } })
    download.finish()
    const progress = new EvaluationProgress()
    try {
      const subject = await subjectOf(model, options, signal, (reason, seconds) => progress.waiting(reason, seconds))
      const command = typedCommand(program)
      const decoding = decodingOptions(options)
      const mode = paradigms().find(({ name }) => name === decoding.mode)
      const warning = mode && modeWarning({ paradigm: mode, trainedIn: subject.paradigm })
      if (warning !== undefined) process.stderr.write(`warning: ${warning}\n`)
      const tools = scoringTools(options.bertscore, signal)
      const found = await evaluate({
        ...{ subject, tasks, out, limit, shard, shots, compat, kwargs, decoding, bound, concurrent, retryFailed },
        ...{ command, signal, tools },
        observer: progress,
      })
      progress.end()
      const answered = found.tasks.map(({ open, record, answers }) => ({ ...open, record, answers }))
      if (found.reuse) process.stderr.write(`${reuseLine(found.reuse)}\n`)
      printScored(await scoreRun(found.record, answered, { out, signal, tools }), { retried: retryFailed })
    } finally {
      if (signal.aborted) progress.stopped()
      progress.end()
      closeTasks(tasks)
    }
  })
}

export async function mergeCommand(
  folders: string[],
  options: { out: string; partial?: boolean; bertscore?: string; program: string },
): Promise<void> {
  const out = resolve(options.out)
  const { partial = false, bertscore, program } = options
  await interruptible(async (signal) => {
    await mergeRuns(folders, out, { partial, command: typedCommand(program) })
    printScored(await rescore(out, { out, partial, signal, tools: scoringTools(bertscore, signal) }))
  })
}

/** lmms-eval's table, how sure the scores are, and what was written. */
export function printScored({ run, tasks, files }: ScoredRun, how: { retried?: boolean } = {}): void {
  const results = tasks.map(({ result }) => result)
  process.stdout.write(`${runLine(run)}\n${markdownTable(results)}\n\n${formatTable(scoreRows(results))}\n`)
  for (const note of [...notesOf(results, how), ...problemsOf(results)]) process.stdout.write(`note: ${note}\n`)
  for (const file of files) process.stdout.write(`written  ${shownPath(file)}\n`)
  // A score of nothing but failures says nothing of the model; whoever runs this in a script has to know.
  if (results.every(({ failed, documents: { effective } }) => effective > 0 && failed.count === effective))
    process.exitCode = 1
}

function subjectOf(
  model: string | undefined,
  { url, apiKey = process.env.DIFFUSIONVL_API_KEY, base, dtype, device, compat }: EvaluateCommandOptions,
  signal: AbortSignal,
  onWait: (reason: string, seconds: number) => void,
): Promise<Subject> {
  if (url !== undefined) return remoteSubject(url, { apiKey, model, signal, onWait })
  const download = downloadObserver(model!)
  const compute = { dtype: dtype as DType | "auto", device: device as Device | "auto" }
  return localSubject(model!, { ...compute, base, compat, signal, onEvent: download.onEvent }).finally(download.finish)
}

/** What is no address is said when it is asked. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "server")

/** One line: what was not computed again. */
function reuseLine({ promptTokens, cachedTokens, pictures, reusedPictures }: ReuseStatistics): string {
  const share = Math.round((100 * cachedTokens) / Math.max(1, promptTokens))
  const seen = pictures > 0 ? `, ${reusedPictures} of ${pictures} pictures` : ""
  return `reused: ${share} % of the prompts' tokens${seen}`
}
