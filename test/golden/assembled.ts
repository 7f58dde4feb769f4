/** Models that golden cases put together from parts, or load as another type: as folders that the program reads. */

import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import { isObject, type Json, readJsonObject } from "../../src/checkpoint/json.js"
import { architectureOfType } from "../../src/models/registry.js"
import { namedTowerFolder } from "../../src/models/towers/named.js"
import { towerOfType } from "../../src/models/towers/registry.js"

/** A model that a text describes: "A + B + C (type)", or "A (loaded as type)". */
export interface Assembly {
  /** The folder that has the language model, or all of it. */
  language: string
  /** Of a tower, where it is one of the parts. */
  tower?: string
  /** With mm_projector.bin or the same as safetensors, where it is one. */
  connector?: string
  modelType: string
}

/**
 * The parts that a text names, with the type in its parentheses; undefined for a text that does not.
 * @param folders of models and parts of some
 */
export function assemblyOf(text: string, folders: readonly string[]): Assembly | undefined {
  const [, parts = "", remark = ""] = /^([^()]+)\(([^()]+)\)\s*$/.exec(text) ?? []
  const modelType = remark.split(/[^\w.-]+/).find((word) => architectureOfType(word) !== undefined)
  const named = parts.split("+").flatMap((part) => folders.find((folder) => basename(folder) === part.trim()) ?? [])
  if (modelType === undefined || named.length === 0 || named.length !== parts.split("+").length) return undefined
  const configs = new Map(named.map((folder) => [folder, configIn(folder)]))
  const isTower = (folder: string): boolean => {
    const { model_type: type, vision_config: vision } = configs.get(folder) ?? {}
    return (
      architectureOfType(type) === undefined && towerOfType(isObject(vision) ? vision.model_type : type) !== undefined
    )
  }
  const language = named.find((folder) => architectureOfType(configs.get(folder)?.model_type) !== undefined)
  const tower = named.find(isTower)
  const connector = named.find((folder) => !configs.get(folder))
  return language === undefined ? undefined : { language, tower, connector, modelType }
}

function configIn(folder: string): Json | undefined {
  const file = join(folder, "config.json")
  return existsSync(file) ? readJsonObject(file) : undefined
}

/** A temporary folder with links to the parts' files, and the config.json that they have together. */
export function assemble({ language, tower, connector, modelType }: Assembly, changes: Json): string {
  const folder = mkdtempSync(join(tmpdir(), "diffusionvl-assembled-"))
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
  const link = (from: string, names: (name: string) => boolean): void => {
    for (const name of readdirSync(from).filter(names)) symlinkSync(resolve(from, name), join(folder, name))
  }
  link(language, (name) => name !== "config.json")
  if (connector) link(connector, (name) => name.startsWith("mm_projector."))
  const own = configIn(language)
  const { mm_vision_tower: named } = own ?? {}
  const found = tower ?? (typeof named === "string" ? namedTowerFolder(named, language) : undefined)
  const config = {
    ...own,
    model_type: modelType,
    ...(found !== undefined && { mm_vision_tower: resolve(found) }),
    ...(connector && { mm_projector_type: "mlp2x_gelu" }),
    ...changes,
  }
  writeFileSync(join(folder, "config.json"), JSON.stringify(config))
  return folder
}
