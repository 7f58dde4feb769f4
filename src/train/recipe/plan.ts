/** What a recipe's file asks for: one training, or stages that begin where the one before ended. */

import { dirname, resolve } from "node:path"
import { isObject, type Json } from "../../checkpoint/json.js"
import { finishedModel, stageFolder } from "../../checkpoint/training-output.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { urlScheme } from "../../url.js"
import { type TrainingConfig, trainingSchema } from "./config.js"
import type { Override } from "./overrides.js"
import { type RecipeInFile, readRecipes } from "./recipe-file.js"

export interface TrainingPlan {
  /** Where all of it goes. */
  output: string
  /** One training, in the order of their stages; each writes to its own output. */
  stages: Stage[]
  /** Whether the recipe has stages, even if only one. */
  isStaged: boolean
}

export interface Stage {
  name: string
  config: TrainingConfig
}

const MOST_STAGES = 16

/**
 * A training recipe, or one with `stages`: each says what differs in it from the rest of the file. Relative data paths of
 * the file start at its folder, those of overrides at the working directory.
 * @throws UserError naming every key that cannot be right
 */
export function readTrainingPlan(file: string, overrides: readonly Override[] = []): TrainingPlan {
  // Typed in a shell, a path means what it means there.
  const here = overrides.map((override) => {
    if (typeof override !== "string") return override
    const [, key, value] = /^((?:stages\.[^.=]+\.)?data\.(?:file|image_root|feature_cache))=(.+)$/s.exec(override) ?? []
    return key && urlScheme(value) === undefined ? `${key}=${JSON.stringify(resolve(value))}` : override
  })
  let names: (string | undefined)[] = []
  const configs = readRecipes(trainingSchema(), file, here, (value) => {
    const found = split(value, file)
    names = found.map(({ name }) => name)
    return found
  }).map((config) => fromFolderOf(file, config))
  const isStaged = configs.length > 1 || names[0] !== undefined
  const stages = configs.map((config, i) => ({ name: names[i] ?? `stage ${i + 1}`, config }))
  requireChain(stages, file)
  return planFor(stages, isStaged, configs[0].output)
}

/** The plan with another place for what comes out. */
export const withPlanOutput = ({ stages, isStaged }: TrainingPlan, output: string): TrainingPlan =>
  planFor(stages, isStaged, output)

function planFor(stages: readonly Stage[], isStaged: boolean, output: string): TrainingPlan {
  const place = (i: number): string => (isStaged ? stageFolder(output, i) : output)
  return {
    output,
    isStaged,
    stages: stages.map(({ name, config }, i) => ({ name, config: { ...config, output: place(i) } })),
  }
}

/**
 * The recipe of one training.
 * @throws UserError also for a recipe that has stages, which `readTrainingPlan` takes
 */
export function readTrainingRecipe(file: string, overrides: readonly Override[] = []): TrainingConfig {
  const { stages, isStaged } = readTrainingPlan(file, overrides)
  if (!isStaged) return stages[0].config
  throw new UserError(`the recipe has ${stages.length} stages, and one training is wanted`, {
    where: file,
    fix: `train the stages before with \`diffusionvl train\`, then give a recipe of the last alone, without \`stages\`${stages.length > 1 ? `, and with model: ${finishedModel(stages[stages.length - 2].config.output)}` : ""}`,
  })
}

/** Each stage is the rest of the file with what the stage says put over it. */
function split(value: unknown, where: string): RecipeInFile[] {
  if (!isObject(value) || value.stages === undefined) return [{ value }]
  const { stages, ...common } = value
  const bad = (what: string): UserError =>
    new UserError(what, { where, fix: "stages is a list; each entry has the keys that differ in this stage" })
  if (!Array.isArray(stages) || stages.length === 0 || stages.length > MOST_STAGES)
    throw bad(`stages: must be a list of 1 to ${MOST_STAGES} stages, not ${shown(stages)}`)
  return stages.map((stage: unknown, i) => {
    if (!isObject(stage)) throw bad(`stages.${i}: must be a section with keys, not ${shown(stage)}`)
    const { name, ...differing } = stage
    if (name !== undefined && (typeof name !== "string" || name === "" || name.length > 100))
      throw bad(`stages.${i}.name: must be a short text, not ${shown(name)}`)
    const once = ["output", "model", "stages"].find((key) => differing[key] !== undefined)
    if (once !== undefined) throw bad(`stages.${i}.${once}: this key is for all stages together`)
    return {
      value: merged(common, differing),
      section: ["stages", i],
      name: (name as string | undefined) ?? `stage ${i + 1}`,
    }
  })
}

/** Sections are put together key by key; a key without a value takes the other's away. */
function merged(under: Json, over: Json): Json {
  const all = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const before = all[key]
    if (value === null) delete all[key]
    else all[key] = isObject(value) && isObject(before) ? merged(before, value) : value
  }
  return all
}

function fromFolderOf(file: string, config: TrainingConfig): TrainingConfig {
  const from = (path: string): string => resolve(dirname(file), path)
  const { image_root, feature_cache } = config.data
  return {
    ...config,
    data: {
      ...config.data,
      file: from(config.data.file),
      ...(image_root !== undefined && { image_root: from(image_root) }),
      ...(feature_cache !== undefined && { feature_cache: from(feature_cache) }),
    },
  }
}

/** Whether a stage cuts pictures in another way than the one before, and so takes only its connector. */
export const cutsAnew = (stages: readonly Stage[], index: number): boolean =>
  index > 0 && stages[index - 1].config.vision?.anyres !== stages[index].config.vision?.anyres

/** What leaves only the connector behind. */
const tunesConnectorOnly = ({ vision, lora, train }: TrainingConfig): boolean =>
  vision !== undefined && lora === undefined && train.tunable.every((part) => part === "projector")

/** @throws UserError for a stage that cannot begin where the one before it ends */
function requireChain(stages: readonly Stage[], where: string): void {
  for (const [i, { config }] of stages.entries()) {
    const later = stages[i + 1]?.config
    if (later === undefined) continue
    const refuse = (key: string, what: string, fix: string): never => {
      throw new UserError(`stages.${key}: ${what}`, { where, fix })
    }
    if (config.lora)
      refuse(
        `${i}.lora`,
        "only the last stage may learn adapters, since the next one starts from a whole model",
        "leave it out here: `lora:` without a value takes away what stands above the stages",
      )
    const [before, now] = [config.vision ?? {}, later.vision ?? {}].map((vision) => vision as Json)
    for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
      if (before[key] === now[key]) continue
      if (key !== "anyres")
        refuse(`${i + 1}.vision.${key}`, "it is chosen once, for all stages", "write it above the stages")
      if (!stages.slice(0, i + 1).every(({ config }) => tunesConnectorOnly(config)))
        refuse(
          `${i + 1}.vision.anyres`,
          "pictures are cut in another way than before, which only a stage behind those of the connector alone can change",
          "set train.tunable: [projector] in each stage before, or write anyres above the stages",
        )
    }
  }
}
