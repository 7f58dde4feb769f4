/** The models of a folder of golden files: found by name, by mention or by type; loaded in float32, two at a time. */

import { existsSync } from "node:fs"
import { basename, join } from "node:path"
import type { ModelConfig } from "../../src/checkpoint/config.js"
import { type Json, readJsonObject } from "../../src/checkpoint/json.js"
import { messageOf } from "../../src/errors.js"
import { loadModel } from "../../src/models/load.js"
import { readConfig } from "../../src/models/read-config.js"
import { architectureOfType, buildModel, type Model } from "../../src/models/registry.js"
import { collect, noGrad } from "../../src/torch/index.js"
import { assemble, assemblyOf } from "./assembled.js"
import { Mismatch } from "./check.js"

/** Models held in memory at a time: cases come sorted by model. */
const HELD = 2

export interface ShelfModel {
  name: string
  folder: string
  /** As config.json has it; undefined where there is none (a projector alone). */
  modelType: string | undefined
  /** There is code for this type of model. */
  supported: boolean
}

/** Multiplies one row of a weight, named by its canonical name. */
export interface WeightPatch {
  tensor: string
  row: number
  scale: number
}

export class ModelShelf {
  readonly models: readonly ShelfModel[]
  readonly #held = new Map<string, Model>()
  readonly #assembled = new Map<string, string>()

  constructor(folders: readonly string[]) {
    this.models = folders.map((folder) => {
      const file = join(folder, "config.json")
      const modelType = existsSync(file) ? readJsonObject(file).model_type : undefined
      const supported = architectureOfType(modelType) !== undefined
      return { name: basename(folder), folder, modelType: modelType as string | undefined, supported }
    })
  }

  /** The model whose name stands in a text, a `model` key or a note; the longest name, where one holds another. */
  named(text: unknown): ShelfModel | undefined {
    if (typeof text !== "string") return undefined
    const mentioned = this.models.filter(({ name }) => text.includes(name))
    return mentioned.sort((a, b) => b.name.length - a.name.length)[0]
  }

  /** The one model of a type there is code for that a text mentions, beside parts of others; undefined when there are more. */
  onlySupported(text: unknown): ShelfModel | undefined {
    if (typeof text !== "string") return undefined
    const words = text.split(/[^\w.-]+/)
    const mentioned = this.models.filter(({ name, supported }) => supported && words.includes(name))
    return mentioned.length === 1 ? mentioned[0] : undefined
  }

  ofType(type: string): ShelfModel[] {
    return this.models.filter(({ modelType, supported }) => supported && modelType === type)
  }

  /**
   * The model that a text puts together from parts in the folder, or loads as another type; undefined where it does neither.
   * @param changes of its config.json
   */
  assembled(text: unknown, changes: Json = {}): ShelfModel | undefined {
    const assembly =
      typeof text === "string"
        ? assemblyOf(
            text,
            this.models.map(({ folder }) => folder),
          )
        : undefined
    if (!assembly) return undefined
    const key = JSON.stringify([assembly, changes])
    const made = this.#assembled.get(key) ?? assemble(assembly, changes)
    this.#assembled.set(key, made)
    return { name: basename(made), folder: made, modelType: assembly.modelType, supported: true }
  }

  config(model: ShelfModel): ModelConfig {
    return readConfig(model.folder)
  }

  /** The model in float32 in memory of its own: what products would convert in every forward is converted once. */
  load(model: ShelfModel, patch?: WeightPatch): Model {
    const key = JSON.stringify([model.folder, patch])
    let loaded = this.#held.get(key)
    this.#held.delete(key)
    if (!loaded) {
      while (this.#held.size >= HELD) this.#held.delete(this.#held.keys().next().value as string)
      collect()
      loaded = loadModel(model.folder, { dtype: "float32", device: "cpu", trainable: true }).model
      if (patch) scaleRow(loaded, patch)
    }
    this.#held.set(key, loaded)
    return loaded
  }

  /**
   * Runs a check on a model; where it does not hold, on the same model as the reference computes it in ways that no file
   * tells. They differ by hundreds of tolerances.
   * @throws Mismatch of the model as it is, when none holds
   */
  async checkAnyReading(model: ShelfModel, check: (loaded: Model) => void | Promise<void>): Promise<void> {
    const loaded = this.load(model)
    try {
      await check(loaded)
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error
      for (const config of otherReadings(loaded.config)) {
        try {
          return await check(buildModel(config, loaded.parameters(), "float32"))
        } catch {}
      }
      throw error
    }
  }

  /**
   * Runs a check on each model until it holds for one: for documents that do not say which model they are of. Weights
   * are random, so that a wrong model never passes.
   */
  checkAny(candidates: readonly ShelfModel[], check: (model: ShelfModel) => void): void {
    if (candidates.length === 0) throw new Mismatch("no model in the folder has these shapes")
    const failures: string[] = []
    for (const model of candidates) {
      try {
        check(model)
        return
      } catch (error) {
        failures.push(`${model.name}: ${messageOf(error)}`)
      }
    }
    throw new Mismatch(failures.join("; "))
  }
}

function scaleRow(model: Model, { tensor, row, scale }: WeightPatch): void {
  const weight = model.parameters().get(tensor)
  if (!weight) throw new Mismatch(`the case changes ${tensor}, which the model does not have`)
  noGrad(() => weight.narrow(0, row, 1).mul_(scale))
}

/**
 * Rotary frequencies rounded to bfloat16, as when a whole module is cast, buffers included; and the position before its own for
 * each patch, as float32 has it in Idefics3's tower.
 */
function otherReadings(config: ModelConfig): ModelConfig[] {
  const { vision } = config as ModelConfig & { vision?: { tower?: object } }
  const ropeRounding = "bfloat16"
  const rounded = {
    ...config,
    text: { ...config.text, ropeRounding },
    ...(vision && { vision: { ...vision, ropeRounding } }),
  }
  if (!vision?.tower) return [rounded]
  const shifted = { ...vision, tower: { ...vision.tower, shiftedPositions: true } }
  return [rounded, { ...config, vision: shifted } as ModelConfig, { ...rounded, vision: shifted } as ModelConfig]
}
