/** Compares runs, and prints their differences. */

import { resolve } from "node:path"
import { compareRuns } from "../../eval/compare/compare.js"
import { differenceRows, pNote } from "../../eval/compare/printed.js"
import { writeComparisonReport } from "../../eval/report/comparison-report.js"
import { typedCommand } from "../shell.js"
import { shownPath } from "../ui/path.js"
import { formatTable } from "../ui/table.js"
import { scoringTools } from "./scoring-tools.js"

export interface CompareCommandOptions {
  bertscore?: string
  seed: number
  out: string
  /** What is typed to start the program. */
  program: string
}

export async function compareCommand(folders: string[], { bertscore, seed, out, program }: CompareCommandOptions) {
  const comparison = await compareRuns(folders, { seed, tools: scoringTools(bertscore) })
  for (let run = 1; run < comparison.runs.length; run++)
    process.stdout.write(`${formatTable(differenceRows(comparison, run))}\n\n`)
  for (const { task } of comparison.tasks.filter(({ metrics }) => metrics.length === 0))
    process.stdout.write(`note: ${task}: both runs have no metric of one name, and only such are compared\n`)
  if (comparison.left.length > 0)
    process.stdout.write(`note: not in all runs, and left out: ${comparison.left.join(", ")}\n`)
  const note = pNote(comparison)
  if (note !== undefined) process.stdout.write(`note: ${note}\n`)
  const command = typedCommand(program)
  await writeComparisonReport(resolve(out), comparison, command)
  process.stdout.write(`report   ${shownPath(out)}\n`)
}
