/**
 * What a snapshot lacks to be a model, found without the hub: links to nothing, shards that its index or names promise,
 * and what no model opens without. Other files count only when their download was begun: not every model has them.
 */
import fs from "node:fs/promises"
import path from "node:path"
import { readJsonObject } from "../checkpoint/json.js"
import { readHeader } from "../checkpoint/safetensors/safetensors.js"
import {
  INDEX_FILE,
  PICKLED_FILE,
  PICKLED_INDEX,
  readIndex,
  SINGLE_FILE,
} from "../checkpoint/safetensors/safetensors-index.js"

/** The authors' converter puts vision weights here, beside those of the language model. */
const VISION_FILES = ["vision_tower.safetensors", "projector.safetensors"]

/** Where the settings of pictures are; no vision-language model is published without one of them. */
const IMAGE_SETTINGS = ["preprocessor_config.json", "processor_config.json"]

/** Weights of any format: what this program cannot read is another matter. */
const WEIGHTS = /\.(safetensors|bin|pth|pt|ckpt|gguf)$/
const SHARD = /^(.*-)(\d{5})-of-(\d{5})(\.safetensors)$/

/**
 * Names of missing files, sorted; empty when nothing is known to be missing.
 * @param begun whether parts of files lie in the cache: then the picture's settings, without which a model loads with
 *   defaults, are taken for one of them where they are not there
 * @throws UserError when the index of the weights is damaged
 */
export async function missingFiles(snapshot: string, begun = false): Promise<string[]> {
  const names = await fs.readdir(snapshot).catch(() => [])
  const there = new Set<string>()
  const missing = new Set<string>()
  for (const name of names) {
    const found = await fs.stat(path.join(snapshot, name)).catch(() => undefined)
    if (found) there.add(name)
    else missing.add(name)
  }
  const expect = (name: string) => {
    if (!there.has(name)) missing.add(name)
  }
  expect("config.json")
  expect("tokenizer.json")
  if (begun && sees(snapshot) && !IMAGE_SETTINGS.some((name) => there.has(name))) missing.add(IMAGE_SETTINGS[0])
  const shards = [...there].map((name) => SHARD.exec(name)).filter((match) => match !== null)
  if (there.has(SINGLE_FILE)) {
    if (isConverted(snapshot)) for (const name of VISION_FILES) expect(name)
  } else if (there.has(INDEX_FILE)) {
    for (const shard of readIndex(path.join(snapshot, INDEX_FILE)).values()) expect(shard)
  } else if (shards.length > 0) {
    expect(INDEX_FILE)
    const [, before, , count, after] = shards[0]
    // A number from a name: never more shards than a model could have.
    for (let i = 1; i <= Math.min(Number(count), 1000); i++)
      expect(`${before}${String(i).padStart(5, "0")}-of-${count}${after}`)
  } else if (there.has(PICKLED_INDEX) && !there.has(PICKLED_FILE)) {
    for (const shard of readIndex(path.join(snapshot, PICKLED_INDEX)).values()) expect(shard)
  } else if (!names.some((name) => WEIGHTS.test(name) && !VISION_FILES.includes(name))) missing.add(SINGLE_FILE)
  return [...missing].sort()
}

/** Whether config.json speaks of a vision tower, or of a VL model. What is damaged, loading tells. */
function sees(snapshot: string): boolean {
  try {
    const config = readJsonObject(path.join(snapshot, "config.json"))
    return Object.keys(config).some((key) => key.includes("vision")) || /vl/i.test(String(config.model_type))
  } catch {
    return false
  }
}

/**
 * A vision-language model without vision weights in its main file has them beside it, unless it names a tower: that may be
 * elsewhere.
 */
function isConverted(snapshot: string): boolean {
  try {
    if ("mm_vision_tower" in readJsonObject(path.join(snapshot, "config.json"))) return false
    const { tensors } = readHeader(path.join(snapshot, SINGLE_FILE))
    return sees(snapshot) && ![...tensors.keys()].some((name) => /vision|visual/.test(name))
  } catch {
    return false
  }
}
