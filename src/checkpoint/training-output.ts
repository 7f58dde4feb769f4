/** Names of what a training leaves in its output folder, and which model lies in a folder that is none itself. */

import fs from "node:fs"
import path from "node:path"
import { UserError } from "../errors.js"
import { firstOf } from "../readable.js"
import { ggufFile } from "./gguf/find.js"
import { ADAPTER_CONFIG } from "./peft-config.js"

/** Where the finished model of a training lies. */
export const finishedModel = (output: string): string => path.join(output, "model")
/** Where a stage of several writes. @param index from 0 */
export const stageFolder = (output: string, index: number): string => path.join(output, `stage-${index + 1}`)

/**
 * @param name what was given in a model's place
 * @param folder where that is
 * @throws UserError where it is a training's output, or another folder around models: it says which is meant
 */
export function requireNoOutput(name: string, folder = name): void {
  // A tokenizer alone is enough to look at data.
  if (isModel(folder) || fs.existsSync(path.join(folder, "tokenizer.json"))) return
  const found = outputOf(folder) ?? around(folder)
  if (found === undefined) return
  const models = found.models.map((model) => path.join(name, model))
  throw new UserError(`it is no model, but ${found.what}`, {
    where: name,
    fix: models.length === 1 ? `give ${models[0]}` : `give one of ${firstOf(models).join(", ")}`,
  })
}

const isModel = (folder: string): boolean =>
  ["config.json", ADAPTER_CONFIG].some((file) => fs.existsSync(path.join(folder, file))) ||
  ggufFile(folder) !== undefined

interface Found {
  what: string
  models: string[]
}

function outputOf(folder: string): Found | undefined {
  const holds = (name: string): boolean => isModel(path.join(folder, name))
  if (holds(finishedModel(""))) return { what: "the output of a training: its model is inside", models: ["model"] }
  for (const stage of numbered(folder, "stage")) {
    const found = outputOf(path.join(folder, stage))
    const models = found?.models.map((model) => path.join(stage, model))
    if (models) return { what: "the output of a training in stages: the model of the last is inside", models }
  }
  const [checkpoint] = numbered(folder, "checkpoint").filter(holds)
  return checkpoint === undefined
    ? undefined
    : { what: "the output of a training that is not done: its last checkpoint is inside", models: [checkpoint] }
}

function around(folder: string): Found | undefined {
  const models = namesIn(folder).flatMap((name) =>
    [name, finishedModel(name)].filter((place) => isModel(path.join(folder, place))),
  )
  return models.length === 0 ? undefined : { what: "a folder with models in it", models }
}

/** stage-1, stage-2, …: the last one first. */
const numbered = (folder: string, what: string): string[] =>
  namesIn(folder)
    .filter((name) => name.startsWith(`${what}-`) && /-[1-9]\d*$/.test(name))
    .sort((a, b) => b.length - a.length || (a < b ? 1 : -1))

/** Nothing for what is no folder, or may not be looked into: whoever opens it says why. */
function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder).sort()
  } catch {
    return []
  }
}
