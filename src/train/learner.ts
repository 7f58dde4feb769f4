/** The model of a training and what of it is learned: all weights of some parts, or adapters beside them. */

import { isAdapter } from "../checkpoint/adapter-files.js"
import type { ModelConfig } from "../checkpoint/config.js"
import type { FileDigest } from "../checkpoint/manifest.js"
import type { LoraSettings } from "../checkpoint/peft-config.js"
import { UserError } from "../errors.js"
import type { ResolvedModel } from "../hub/resolve.js"
import { makeFolder } from "../make-folder.js"
import { newValues } from "../models/adapter.js"
import { type AdapterPlan, planAdapter } from "../models/adapter-plan.js"
import { readCheckpoint } from "../models/checkpoint.js"
import { isOfConnector, isParts, readPartsRecord, writeParts } from "../models/compose/parts.js"
import { type LoadedModel, loadModel, type NewAdapter } from "../models/load.js"
import { Modules } from "../models/modules.js"
import { saveModel, tensorEntries } from "../models/save.js"
import { saveAdapter } from "../models/save-adapter.js"
import { paradigmOf } from "../paradigms/registry.js"
import type { Tensor } from "../torch/index.js"
import { chosenParadigm, type TrainingConfig } from "./config.js"
import type { Parameter } from "./optimizer.js"
import { groupParameters, isTunable, nothingToTrain } from "./parameters.js"

/** Weights that a training starts with, or goes on with. */
export interface Start {
  /** The model that the training was started from. */
  source: ResolvedModel
  /** Weights of it that nothing has learned yet. */
  made: readonly string[]
  /** A checkpoint to go on from. */
  resumed?: string
  /** Configuration of the source, and of what comes out. */
  before: ModelConfig
  target: ModelConfig
}

export interface Learner extends Pick<LoadedModel, "model" | "dtype" | "device"> {
  parameters: Parameter[]
  /** What a checkpoint holds, by canonical names. */
  weights: ReadonlyMap<string, Tensor>
  /** Writes a model folder, or that of an adapter; returns what the weight files hold. */
  save(folder: string): Promise<Map<string, FileDigest>>
}

/** @throws UserError for an adapter, which is no model to start from */
export function requireWholeModel(folder: string): void {
  if (!isAdapter(folder)) return
  throw new UserError("it is an adapter: a training starts from a whole model", {
    where: folder,
    fix: "merge it first: diffusionvl convert --merge",
  })
}

/** @throws UserError when nothing would be learned, or the model cannot have such adapters */
export function learner(config: TrainingConfig, start: Start): Learner {
  return config.lora ? adapterLearner(config, start) : modelLearner(config, start)
}

function modelLearner(config: TrainingConfig, { source, resumed, target }: Start): Learner {
  const { model, dtype, device } = loadModel(resumed ?? source.folder, {
    dtype: config.train.dtype,
    trainable: (name) => isTunable(config, name),
    vocabSize: target.text.vocabSize,
  })
  const weights = model.parameters()
  const parameters = groupParameters(new Map([...weights].filter(([name]) => isTunable(config, name))), config)
  if (parameters.length === 0) throw nothingToTrain(config)
  const learned = new Set(parameters.map(({ name }) => name))
  const save: Learner["save"] =
    isParts(source.folder) && [...learned].every(isOfConnector)
      ? (folder) => saveConnector(folder, target, weights, source.folder)
      : (folder) => saveModel(folder, { config: target, parameters: weights, filesFrom: source.folder })
  return { model, dtype, device, parameters, weights, save }
}

/** The other parts are as they were: their names are enough. */
const saveConnector = (
  folder: string,
  config: ModelConfig,
  weights: ReadonlyMap<string, Tensor>,
  source: string,
): Promise<Map<string, FileDigest>> => {
  makeFolder(folder)
  const entries = tensorEntries(new Map([...weights].filter(([name]) => isOfConnector(name))))
  return writeParts(folder, { config, entries, record: readPartsRecord(source), filesFrom: source })
}

function adapterLearner(config: TrainingConfig, { source, made, resumed, before, target }: Start): Learner {
  const { dtype } = config.train
  const { model, adapter, ...loaded } = resumed
    ? loadModel(resumed, { dtype, trainable: true, base: source.folder })
    : loadModel(source.folder, {
        dtype,
        trainable: true,
        vocabSize: target.text.vocabSize,
        adapter: newAdapter(config, { made, before, target }),
      })
  const weights = adapter!.parameters()
  const base = readCheckpoint(source.folder).tensors
  return {
    model,
    dtype: loaded.dtype,
    device: loaded.device,
    parameters: groupParameters(weights, config),
    weights,
    save: (folder) => saveAdapter(folder, adapter!, { config: target, base, baseName: nameOf(source, config.model) }),
  }
}

type AdapterStart = Pick<Start, "made" | "before" | "target">

function newAdapter(config: TrainingConfig, start: AdapterStart): NewAdapter {
  const plan = planOf(config, start)
  if (plan.lowRank.length === 0 && plan.saved.length === 0) throw nothingToTrain(config)
  return { plan, values: newValues(plan, config.train.seed) }
}

function planOf(config: TrainingConfig, { made, before, target }: AdapterStart): AdapterPlan {
  const { rank, alpha = 2 * rank, rslora, dropout, target: layers, exclude, ...more } = config.lora!
  const settings: LoraSettings = {
    rank,
    alpha,
    dropout,
    rsLora: rslora,
    target: layers,
    ...(exclude && { exclude }),
    rankPattern: more.rank_pattern,
    alphaPattern: more.alpha_pattern,
    modulesToSave: more.modules_to_save,
    tokens: newTokens(config, before, target),
  }
  return planAdapter(new Modules(before), settings, {
    isWanted: ({ layers: [{ layer }] }) => isTunable(config, `${layer}.`),
    // Adapters beside a new connector would leave it as random as it is.
    whole: made,
    where: "lora",
  })
}

/** The mask, where the model does not know it yet: adapters leave its row of the embedding as it is, and it would stay noise. */
function newTokens(config: TrainingConfig, before: ModelConfig, { tokens: { mask } }: ModelConfig): number[] {
  const knows = paradigmOf(before).masks && before.paradigm.options.enabled !== false
  return chosenParadigm(config).paradigm.masks && !knows && mask !== undefined ? [mask] : []
}

/** How others find the model: its id on the hub, the name of a built-in one, or where it lies. */
function nameOf({ source, id, folder }: ResolvedModel, name: string): { name: string; revision?: string } {
  if (source === "hub") {
    const [, revision] = name.split("@")
    return { name: id ?? name, ...(revision && { revision }) }
  }
  return { name: source === "built-in" ? name : folder }
}
