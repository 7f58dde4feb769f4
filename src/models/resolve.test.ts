/** A model whose tower is named by a hub id: what is not here is downloaded with it, from a hub on 127.0.0.1. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { FakeHub } from "../../test/support/fake-hub.js"
import { authorsConfig, authorsJson, writeLetters, writeSiglip } from "../../test/support/small-authors.js"
import { writeTensors } from "../checkpoint/safetensors/safetensors.js"
import { loadModel } from "./load.js"
import { initialiseWeights } from "./registry.js"
import { resolveWhole } from "./resolve.js"
import { tensorEntries } from "./save.js"

let root: string
let hub: FakeHub
let model: string
const cache = process.env.HF_HUB_CACHE

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "resolve-"))
  process.env.HF_HUB_CACHE = join(root, "cache")
  hub = new FakeHub()
  await hub.start()
  const tower = join(root, "tower")
  await writeSiglip(tower)
  for (const name of readdirSync(tower)) hub.add(name, readFileSync(join(tower, name)), name.endsWith(".safetensors"))
  model = join(root, "model")
  mkdirSync(model)
})
afterEach(async () => {
  if (cache === undefined) delete process.env.HF_HUB_CACHE
  else process.env.HF_HUB_CACHE = cache
  await hub.stop()
  rmSync(root, { recursive: true, force: true })
})

const options = () => ({
  settings: { endpoint: hub.endpoint, cache: join(root, "cache"), offline: false },
  retryDelayMs: 1,
})

/** The model's own weights, with its tower or without. */
async function writeModel(tower: boolean, name: string): Promise<void> {
  const all = initialiseWeights(authorsConfig("llava_qwen"), 3)
  const own = new Map([...all].filter(([weight]) => tower || !weight.includes("vision_tower")))
  await writeTensors(model, tensorEntries(own))
  writeFileSync(join(model, "config.json"), JSON.stringify(authorsJson("llava_qwen", { mm_vision_tower: name })))
  writeLetters(model, "llava_qwen")
}

it("is downloaded once, and found where it was put", async () => {
  await writeModel(false, "org/model")
  expect(await resolveWhole(model, options())).toEqual({ folder: model, source: "folder" })
  const parameters = loadModel(model, { dtype: "float32", device: "cpu" }).model.parameters()
  expect(parameters.has("model.vision_tower.vision_tower.vision_model.embeddings.patch_embedding.weight")).toBe(true)
  hub.log.length = 0
  await resolveWhole(model, options())
  expect(hub.log).toEqual([])
})

it("is not asked for where it lies beside the model, nor of a model that describes its own", async () => {
  await writeModel(true, "org/model")
  renameSync(join(root, "tower"), join(root, "model-tower"))
  writeFileSync(
    join(model, "config.json"),
    JSON.stringify(authorsJson("llava_qwen", { mm_vision_tower: "somewhere/model-tower" })),
  )
  await resolveWhole(model, options())
  expect(loadModel(model, { dtype: "float32", device: "cpu" }).model.parameters().size).toBeGreaterThan(40)
  const { vision_config } = authorsConfig("llava_qwen").raw
  writeFileSync(join(model, "config.json"), JSON.stringify(authorsJson("llava_qwen", { vision_config })))
  await resolveWhole(model, options())
  expect(hub.log).toEqual([])
})
