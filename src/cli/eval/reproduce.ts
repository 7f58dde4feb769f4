/** Fills a table or figure of the paper, and says where its page is. */

import { join, resolve } from "node:path"
import { writeJson } from "../../checkpoint/files.js"
import { UserError } from "../../errors.js"
import { tableOf } from "../../eval/ablate/report.js"
import { figure4, figure5, type PaperFigure } from "../../eval/reproduce/paper/figures.js"
import { PAPER_TABLES } from "../../eval/reproduce/paper/index.js"
import { findAblation, readAblation } from "../../eval/reproduce/read-ablation.js"
import { type ReproducedPage, verdictOf, writeReproduced } from "../../eval/reproduce/report.js"
import { isRun, reproduceSmall, smallNotRun } from "../../eval/reproduce/reproduce-small.js"
import { askedOf, notRun, reproduceTable } from "../../eval/reproduce/reproduce-table.js"
import { filledRows, smallRows, type TableRow } from "../../eval/reproduce/rows.js"
import { smallAblation, smallTable } from "../../eval/reproduce/small.js"
import { makeFolder } from "../../make-folder.js"
import type { Device, DType } from "../../torch/index.js"
import { interruptible } from "../process/interrupt.js"
import { typedCommand } from "../shell.js"
import { shownPath } from "../ui/path.js"
import { formatTable } from "../ui/table.js"
import { ablateBlockSize, ablateSteps, ablateThreshold } from "./ablate.js"
import { EvaluationProgress } from "./progress.js"
import { reproduceFigure } from "./reproduce-figure.js"
import { scoringTools } from "./scoring-tools.js"
import { dataOf } from "./task-data.js"

export const NAMES = ["table1", "table2", "table3", "table4", "figure4", "figure5"] as const
export type Name = (typeof NAMES)[number]

export interface ReproduceCommandOptions {
  scale: "paper" | "small"
  models?: string[]
  results?: string[]
  run?: string
  data?: string[]
  bertscore?: string
  maxTokens?: number
  limit?: number
  concurrent?: number
  dtype: string
  device: string
  out?: string
  /** What is typed to start the program. */
  program: string
}

/** Answers that are decoded at the same time; of figures, whose speeds are the paper's, one. */
const CONCURRENT = 8

const isTable = (name: Name): name is keyof typeof PAPER_TABLES => name in PAPER_TABLES

export async function reproduceCommand(name: Name, options: ReproduceCommandOptions): Promise<void> {
  const { scale, results, limit, bertscore, program } = options
  const concurrent = options.concurrent ?? CONCURRENT
  const data = new Map((options.data ?? []).map(dataOf))
  const run = options.run === undefined ? undefined : resolve(options.run)
  if (run !== undefined && !isRun(run))
    throw new UserError("this is no run of recipes/smollm2-sees: it has no questions.jsonl", { where: options.run })
  const out = resolve(options.out ?? join("runs", `reproduce-${name}${scale === "small" ? "-small" : ""}`))
  makeFolder(out)
  const command = typedCommand(program)
  const paper = isTable(name) ? PAPER_TABLES[name] : name === "figure4" ? figure4 : figure5
  const content: ReproducedPage = { paper, command }
  const small = scale === "small" || run !== undefined
  if (small && (name === "table4" || !isTable(name)))
    content.ablation = await ablated(name, out, { ...options, concurrent, run })
  if (!small && !isTable(name)) {
    const { models, maxTokens, concurrent, dtype, device } = options
    const how = { models, results, data, bertscore, maxTokens, limit, concurrent, dtype, device, out, command }
    content.figure = await reproduceFigure(paper as PaperFigure, how)
  }
  if (isTable(name)) {
    await interruptible(async (signal) => {
      const progress = new EvaluationProgress()
      const compute = { dtype: options.dtype as DType | "auto", device: options.device as Device | "auto" }
      const tools = scoringTools(bertscore, signal)
      const how = { limit, concurrent, command, signal, tools, observer: progress, ...compute }
      try {
        const models = options.models ?? (small ? [] : undefined)
        const filled = { ...how, models, results, data, out: join(out, "paper") }
        content.filled = await reproduceTable(PAPER_TABLES[name], filled)
        if (small && name !== "table4") {
          const table = smallTable(name, run)
          content.small = { table, rows: await reproduceSmall(table, { ...how, out: join(out, "small") }) }
        }
      } finally {
        if (signal.aborted) progress.stopped()
        progress.end()
      }
    })
  }
  print(content)
  const path = join(out, "report.html")
  await writeReproduced(path, content)
  await writeJson(join(out, "report.json"), content)
  process.stdout.write(`report   ${shownPath(path)}\n`)
}

/** What is there of an ablation is taken; else it is run. */
async function ablated(
  name: Exclude<Name, "table1" | "table2" | "table3">,
  out: string,
  { run, limit, concurrent, dtype, device, program }: ReproduceCommandOptions & { concurrent: number },
): Promise<ReproducedPage["ablation"]> {
  const plan = smallAblation(name, run)
  const folder = join(out, "ablation")
  const places = {
    table4: ["block-size"],
    figure4: ["steps", "steps-captions"],
    figure5: ["threshold", "threshold-captions"],
  }
  const found = run === undefined ? undefined : findAblation(places[name].map((place) => join(run, place)))
  if (found === undefined) {
    const { questions, metric, maxTokens, model, against, strategy, training } = plan
    const asked = {
      questions,
      limit,
      metric: [metric],
      against: [...against],
      maxTokens,
      concurrent,
      dtype,
      device,
      program,
    }
    const imageRoot = run === undefined ? {} : { imageRoot: run }
    const how = { ...asked, ...imageRoot, out: folder }
    if (training) {
      const { recipe, set, model } = training
      await ablateBlockSize(model, { ...how, recipe, set: [...set], sizes: [1, 4, 8, 16] })
    } else if (name === "figure4") await ablateSteps({ ...how, model })
    else await ablateThreshold({ ...how, model, thresholds: [1, 0.8, 0.6, 0.4, 0.2], remasking: strategy })
  }
  return { text: plan.text, found: readAblation(found ?? join(folder, "report.json")) }
}

function print({ paper, filled, small, ablation, figure }: ReproducedPage): void {
  const line = ({ cells }: TableRow): string[] =>
    cells.map(({ text, interval }) => (interval ? `${text} (${interval})` : text))
  process.stdout.write(`${paper.title}\n\n`)
  for (const shown of [filled && filledRows(filled), small && smallRows(small.table, small.rows)])
    if (shown) process.stdout.write(`${formatTable([shown.head, ...shown.rows.map(line)])}\n\n`)
  for (const found of [ablation?.found, figure?.found]) {
    if (!found) continue
    const { columns, rows } = tableOf(found)
    process.stdout.write(`${formatTable([columns, ...rows])}\n\n`)
  }
  if (figure) {
    process.stdout.write(`${figure.text}\n\n`)
    const claims = figure.claims.map(({ text, holds, here }) => [text, verdictOf(holds), here])
    process.stdout.write(`${formatTable([["the paper", "here", ""], ...claims])}\n\n`)
  }
  for (const asked of filled ? askedOf(filled) : []) process.stdout.write(`asked: ${asked}\n`)
  const reasons = [filled ? notRun(filled) : [], small ? smallNotRun(small.rows) : [], figure?.notRun ?? []]
  for (const reason of reasons.flat()) process.stdout.write(`not run: ${reason}\n`)
}
