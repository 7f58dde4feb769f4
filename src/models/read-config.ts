/** config.json of a model folder → the configuration of its family. */
import fs from "node:fs"
import path from "node:path"
import type { ModelConfig } from "../checkpoint/config.js"
import { ggufFile } from "../checkpoint/gguf/find.js"
import { openGgufModel } from "../checkpoint/gguf/model.js"
import { findImageSettings, RESTORE } from "../checkpoint/image-settings.js"
import { type Json, readJsonObject, readOptionalJson } from "../checkpoint/json.js"
import { requireNoOutput } from "../checkpoint/training-output.js"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import type { Architecture, ConfigFiles } from "./architecture.js"
import { architectureOfType, architectures } from "./registry.js"
import { towerFamilies } from "./towers/registry.js"
import type { TowerFamily } from "./towers/tower.js"

/**
 * Reads the configuration of a model folder or GGUF file.
 * @throws UserError for a missing or damaged config.json, an unknown model type, or a key that cannot be right.
 */
export function readConfig(folder: string): ModelConfig {
  return readConfigBeside(folder, folder)
}

/** `readConfig` of a folder that has its settings of pictures and the like in another one. */
export function readConfigBeside(folder: string, filesFrom: string): ModelConfig {
  const file = path.join(folder, "config.json")
  const gguf = ggufFile(folder)
  if (gguf !== undefined) return normaliseConfig(openGgufModel(gguf).config, { where: gguf })
  if (!fs.existsSync(file)) {
    requireNoOutput(folder)
    const kind = fs.statSync(folder.replaceAll("\0", "\uFFFD"), { throwIfNoEntry: false })
    const what = kind?.isDirectory() ? "it has no config.json" : kind ? "it is not a folder" : "there is no such folder"
    throw new UserError(what, {
      where: folder,
      fix: "A model is a folder with config.json and weights, a .gguf file, or a hub id such as org/name.",
    })
  }
  const files = {
    where: file,
    folder: filesFrom,
    visionConfig: readOptionalJson(path.join(filesFrom, "vision_config.json")),
    imageSettings: findImageSettings(filesFrom),
  }
  const json = readJsonObject(file)
  try {
    return normaliseConfig(json, files)
  } catch (cause) {
    if (!(cause instanceof UserError) || cause.fix !== undefined) throw cause
    throw new UserError(cause.message, { where: cause.where, fix: RESTORE, cause })
  }
}

/** The content of config.json, checked by its family. */
export function normaliseConfig(raw: Json, files: ConfigFiles = {}): ModelConfig {
  const { where } = files
  if (isDeep(raw))
    throw new UserError(`it has more than ${MOST_LEVELS} levels`, { where, fix: "use the model's own file" })
  const architecture = requireArchitecture(raw, where)
  if (raw.quantization_config != null)
    throw new UserError("the model is quantised, which is not supported", { where, fix: "Use the unquantised model." })
  return architecture.read(raw, files)
}

/** Levels of a config.json at most: what is carried over is written again, by a function that calls itself. */
const MOST_LEVELS = 100

function isDeep(raw: Json): boolean {
  let level: unknown[] = [raw]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MOST_LEVELS) return true
    level = level.flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []))
  }
  return false
}

function requireArchitecture(raw: Json, where?: string): Architecture {
  const name = raw.model_type
  const known = architectureOfType(name)
  if (known) return known
  const list = architectures().map(({ title, modelTypes }) => `${modelTypes.slice(0, 2).join(", ")} (${title})`)
  const fix = `Supported are ${list.slice(0, -1).join("; ")}; and ${list[list.length - 1]}.`
  const isTower = ({ modelTypes, trainedIn = [] }: TowerFamily): boolean =>
    [...modelTypes, ...trainedIn].some((type) => type === name)
  const tower = towerFamilies().find(isTower)
  if (tower)
    throw new UserError(
      `this is a vision tower (${tower.title}, model_type ${shown(name)}), not a model that answers`,
      {
        where,
        fix,
      },
    )
  const what = name === undefined ? "config.json has no model_type" : `unknown model_type ${shown(name)}`
  throw new UserError(what, { where, fix })
}
