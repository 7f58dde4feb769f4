/** Writes an adapter's folder: what was learned in PEFT's format, and the configuration of the adapted model. */

import path from "node:path"
import { ADAPTER_WEIGHTS } from "../../checkpoint/adapter-files.js"
import { fingerprintOf } from "../../checkpoint/base-fingerprint.js"
import { EMBEDDING } from "../../checkpoint/checkpoint.js"
import type { ModelConfig } from "../../checkpoint/config.js"
import { writeJson } from "../../checkpoint/files.js"
import type { FileDigest } from "../../checkpoint/manifest.js"
import { ADAPTER_CONFIG, adapterConfigJson } from "../../checkpoint/peft-config.js"
import { writeTensorFile } from "../../checkpoint/safetensors/safetensors.js"
import type { TensorView } from "../../checkpoint/tensor-view.js"
import { makeFolder } from "../../make-folder.js"
import { architectureOf } from "../registry.js"
import type { Adapter } from "./adapter.js"

export interface SaveAdapterOptions {
  /** Of the adapted model: its paradigm and mask are kept in config.json. */
  config: ModelConfig
  /** Weights of the model that the adapter was trained on, to know them again. */
  base: ReadonlyMap<string, TensorView>
  /** Folder or hub id that PEFT and `openModel` find them by. */
  baseName: { name: string; revision?: string }
}

/**
 * Weights are written before adapter_config.json; to make the whole folder appear at once, call this inside `createFolder`.
 * @returns what the weight file holds, by name
 */
export async function saveAdapter(
  folder: string,
  adapter: Adapter,
  { config, base, baseName }: SaveAdapterOptions,
): Promise<Map<string, FileDigest>> {
  makeFolder(folder)
  const { settings, modules } = adapter.plan
  const embedding = modules.names.get(EMBEDDING)!.replace(/^.*?([^.]+)\.weight$/, "$1")
  const { name, revision } = baseName
  const json = adapterConfigJson({ ...settings, base: name, revision }, embedding, !architectureOf(config).images)
  const metadata = { format: "pt", ...fingerprintOf(base) }
  const digest = await writeTensorFile(path.join(folder, ADAPTER_WEIGHTS), adapter.entries(), { metadata })
  await writeJson(path.join(folder, "config.json"), architectureOf(config).write(config, storedType(base)))
  await writeJson(path.join(folder, ADAPTER_CONFIG), json)
  return new Map([[ADAPTER_WEIGHTS, digest]])
}

/** The type of the base's matrices. */
const storedType = (base: ReadonlyMap<string, TensorView>) => base.get(EMBEDDING)?.dtype ?? "float32"
