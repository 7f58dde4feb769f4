/** The model of a training and what of it is learned: all weights of some parts, or adapters beside them. */

import type { ModelConfig } from "../checkpoint/config.js"
import type { FileDigest } from "../checkpoint/manifest.js"
import type { ResolvedModel } from "../hub/resolve.js"
import { makeFolder } from "../make-folder.js"
import { newValues } from "../models/adapters/adapter.js"
import type { AdapterPlan } from "../models/adapters/adapter-plan.js"
import { saveAdapter } from "../models/adapters/save-adapter.js"
import { readCheckpoint } from "../models/checkpoint.js"
import { isOfConnector, isParts, readPartsRecord, writeParts } from "../models/compose/parts.js"
import { type LoadedModel, loadModel } from "../models/load.js"
import { saveModel, tensorEntries } from "../models/save.js"
import type { Tensor } from "../torch/index.js"
import type { Parameter } from "./optimizer.js"
import type { TrainingConfig } from "./recipe/config.js"
import { groupParameters, isTunable } from "./recipe/parameters.js"

/** Weights that a training starts with, or goes on with. */
export interface Start {
  /** The model that the training was started from. */
  source: ResolvedModel
  /** A checkpoint to go on from. */
  resumed?: string
  /** Configuration of what comes out. */
  target: ModelConfig
  /** Of new adapters. */
  adapter?: AdapterPlan
}

export interface Learner extends Pick<LoadedModel, "model" | "dtype" | "device"> {
  parameters: Parameter[]
  /** What a checkpoint holds, by canonical names. */
  weights: ReadonlyMap<string, Tensor>
  /** Writes a model folder, or that of an adapter; returns what the weight files hold. */
  save(folder: string): Promise<Map<string, FileDigest>>
}

/** Learns the weights themselves, or adapters beside them, as the recipe says. */
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

function adapterLearner(config: TrainingConfig, { source, resumed, target, adapter: plan }: Start): Learner {
  const { dtype, seed } = config.train
  const { model, adapter, ...loaded } = resumed
    ? loadModel(resumed, { dtype, trainable: true, base: source.folder })
    : loadModel(source.folder, {
        dtype,
        trainable: true,
        vocabSize: target.text.vocabSize,
        adapter: { plan: plan!, values: newValues(plan!, seed) },
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

/** How others find the model: its id on the hub, the name of a built-in one, or where it lies. */
function nameOf({ source, id, folder }: ResolvedModel, name: string): { name: string; revision?: string } {
  if (source === "hub") {
    const [, revision] = name.split("@")
    return { name: id ?? name, ...(revision && { revision }) }
  }
  return { name: source === "built-in" ? name : folder }
}
