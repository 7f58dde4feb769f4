/** Fills a table or figure of the paper, and says where its page is. */

import { join, relative, resolve } from "node:path"
import { writeJson } from "../../checkpoint/files.js"
import { UserError } from "../../errors.js"
import { tableOf } from "../../eval/ablate/report.js"
import { figure4, figure5 } from "../../eval/reproduce/paper/figures.js"
import { PAPER_TABLES } from "../../eval/reproduce/paper/index.js"
import { findAblation, readAblation } from "../../eval/reproduce/read-ablation.js"
import { type ReproducedPage, writeReproduced } from "../../eval/reproduce/report.js"
import { isRun, reproduceSmall, smallNotRun } from "../../eval/reproduce/reproduce-small.js"
import { notRun, reproduceTable } from "../../eval/reproduce/reproduce-table.js"
import { filledRows, smallRows, type TableRow } from "../../eval/reproduce/rows.js"
import { smallAblation, smallTable } from "../../eval/reproduce/small.js"
import { makeFolder } from "../../make-folder.js"
import type { Device, DType } from "../../torch/index.js"
import { interruptible } from "../process/interrupt.js"
import { shellWord } from "../shell.js"
import { formatTable } from "../ui/table.js"
import { ablateBlockSize, ablateSteps, ablateThreshold } from "./ablate.js"
import { EvaluationProgress } from "./progress.js"

export const NAMES = ["table1", "table2", "table3", "table4", "figure4", "figure5"] as const
export type Name = (typeof NAMES)[number]

export interface ReproduceCommandOptions {
  scale: "paper" | "small"
  models?: string[]
  results?: string[]
  run?: string
  limit?: number
  concurrent: number
  dtype: string
  device: string
  out?: string
  /** What is typed to start the program. */
  program: string
}

const isTable = (name: Name): name is keyof typeof PAPER_TABLES => name in PAPER_TABLES

export async function reproduceCommand(name: Name, options: ReproduceCommandOptions): Promise<void> {
  const { scale, results, limit, concurrent, program } = options
  const run = options.run === undefined ? undefined : resolve(options.run)
  if (run !== undefined && !isRun(run))
    throw new UserError("this is no run of recipes/smollm2-sees: it has no questions.jsonl", { where: options.run })
  const out = resolve(options.out ?? join("runs", `reproduce-${name}${scale === "small" ? "-small" : ""}`))
  makeFolder(out)
  const command = [program, ...process.argv.slice(2).map(shellWord)].join(" ")
  const paper = isTable(name) ? PAPER_TABLES[name] : name === "figure4" ? figure4 : figure5
  const content: ReproducedPage = { paper, command }
  const small = scale === "small" || run !== undefined
  if (small && (name === "table4" || !isTable(name))) content.ablation = await ablated(name, out, { ...options, run })
  if (isTable(name) || small) {
    await interruptible(async (signal) => {
      const progress = new EvaluationProgress()
      const compute = { dtype: options.dtype as DType | "auto", device: options.device as Device | "auto" }
      const how = { limit, concurrent, command, signal, observer: progress, ...compute }
      try {
        if (isTable(name)) {
          const models = options.models ?? (small ? [] : undefined)
          content.filled = await reproduceTable(PAPER_TABLES[name], {
            ...how,
            models,
            results,
            out: join(out, "paper"),
          })
        }
        if (small && isTable(name) && name !== "table4") {
          const table = smallTable(name, run)
          content.small = { table, rows: await reproduceSmall(table, { ...how, out: join(out, "small") }) }
        }
      } finally {
        if (signal.aborted) progress.stopped()
        progress.end()
      }
    })
  } else {
    throw new UserError(
      `${name} at the paper's scale is \`diffusionvl ablate ${name === "figure4" ? "steps" : "threshold"}\``,
      {
        fix: "give it the model and DetailCaps as --questions, --metric bertscore:roberta-large (docs/guide/reproduce.md); or --scale small here",
      },
    )
  }
  print(content)
  const path = join(out, "report.html")
  await writeReproduced(path, content)
  await writeJson(join(out, "report.json"), content)
  process.stdout.write(`report   ${relative(".", path)}\n`)
}

/** What is there of an ablation is taken; else it is run. */
async function ablated(
  name: Exclude<Name, "table1" | "table2" | "table3">,
  out: string,
  { run, limit, concurrent, dtype, device, program }: ReproduceCommandOptions,
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

function print({ paper, filled, small, ablation }: ReproducedPage): void {
  const line = ({ cells }: TableRow): string[] =>
    cells.map(({ text, interval }) => (interval ? `${text} (${interval})` : text))
  process.stdout.write(`${paper.title}\n\n`)
  for (const shown of [filled && filledRows(filled), small && smallRows(small.table, small.rows)])
    if (shown) process.stdout.write(`${formatTable([shown.head, ...shown.rows.map(line)])}\n\n`)
  if (ablation) {
    const { columns, rows } = tableOf(ablation.found)
    process.stdout.write(`${formatTable([columns, ...rows])}\n\n`)
  }
  for (const reason of [...(filled ? notRun(filled) : []), ...(small ? smallNotRun(small.rows) : [])])
    process.stdout.write(`not run: ${reason}\n`)
}
