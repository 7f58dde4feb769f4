/** What `diffusionvl ablate` wrote, read again: tables and curves of it are made by what made them there. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { isObject, type Json, readJsonObject } from "../../checkpoint/json.js"
import { modelTitle } from "../../readable.js"
import type { ReportInput } from "../ablate/report.js"
import type { Measured } from "../measure.js"

/** The report.json of the first of the folders that has one. */
export function findAblation(folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, "report.json")).find((file) => existsSync(file))
}

/** Without the questions and answers, which are not in it. */
export type Ablation = Omit<ReportInput, "questions" | "metrics"> & {
  questions: { length: number }
  metrics: { name: string; title: string }[]
}

export function readAblation(file: string): Ablation {
  const { title, command, questions, metrics, concurrent, results } = readJsonObject(file)
  const all = (results as Json[]).filter(isObject)
  const before = Object.keys(all[0] ?? {}).slice(0, Object.keys(all[0] ?? {}).indexOf("decoding"))
  const isOfSizes = before.includes("block size")
  const columns = isOfSizes ? ["block size"] : before
  return {
    ...{ command: String(command), concurrent: Number(concurrent), questions: { length: Number(questions) } },
    metrics: (metrics as string[]).map((name) => ({ name, title: name })),
    plan: { title: String(title), text: "", columns, variants: [] },
    results: all.map((result) => {
      const model = String(result.model)
      const cells = columns.map((column) => (column === "model" ? modelTitle(trained(model)) : String(result[column])))
      const variant = {
        ...{ key: "", curve: isOfSizes ? "block sizes" : cells[0], label: cells.at(-1) ?? "" },
        ...{ cells, model, decoding: {} },
      }
      return { variant, measured: { ...(result as unknown as Measured), answers: [] } }
    }),
  }
}

/** "block-diffusion/model" is called by its training. */
const trained = (model: string): string => model.replace(/[/\\]model$/, "")
