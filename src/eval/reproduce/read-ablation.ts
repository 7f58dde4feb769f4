/** What `diffusionvl ablate` wrote, read again: tables and curves of it are made by what made them there. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { isObject, type Json, readJsonObject } from "../../checkpoint/json.js"
import { modelTitle } from "../../readable.js"
import type { Measured, MeasuredScore } from "../ablate/measured.js"
import type { TableInput } from "../ablate/report.js"

/** The report.json of the first of the folders that has one. */
export function findAblation(folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, "report.json")).find((file) => existsSync(file))
}

/** Without the answers, which are not in it. */
export type Ablation = TableInput & { command: string }

/** @param file report.json of an ablation */
export function readAblation(file: string): Ablation {
  const { title, command, concurrent, results } = readJsonObject(file)
  const all = (results as Json[]).filter(isObject)
  // A column may be called like the model's path, which stands behind the columns.
  const before = Object.keys(all[0] ?? {}).slice(0, Object.keys(all[0] ?? {}).indexOf("decoding"))
  const isOfSizes = before.includes("block size")
  const columns = isOfSizes ? ["block size"] : before
  return {
    ...{ command: String(command), concurrent: Number(concurrent) },
    plan: { title: String(title), text: "", columns, variants: [] },
    results: all.map((result) => {
      const model = String(result.model)
      const cells = columns.map((column) => (column === "model" ? modelTitle(trained(model)) : String(result[column])))
      const variant = {
        ...{ key: "", curve: isOfSizes ? "block sizes" : cells[0], label: String(result.label ?? cells.at(-1)) },
        ...{ cells, model, decoding: {} },
      }
      return { variant, measured: measuredIn(result) }
    }),
  }
}

/** Reports of before have the scores of one task, by the metrics' names. */
function measuredIn({ scores, questions, ...measured }: Json): Measured {
  const documents = Number(measured.documents ?? questions)
  const before = ([metric, { mean, error }]: [string, Json]): [string, MeasuredScore] => [
    metric,
    {
      ...{ task: "questions", metric, title: metric, value: Number(mean), standardError: Number(error) },
      ...{ scale: 100, documents },
    },
  ]
  const known = Object.entries(scores as Record<string, Json>).map((entry) =>
    "mean" in entry[1] ? before(entry) : (entry as unknown as [string, MeasuredScore]),
  )
  const rest = measured as unknown as Measured
  return { ...rest, notes: rest.notes ?? [], documents, scores: Object.fromEntries(known) }
}

/** "block-diffusion/model" is called by its training. */
const trained = (model: string): string => model.replace(/[/\\]model$/, "")
