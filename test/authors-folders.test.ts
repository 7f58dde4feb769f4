/** Folders of the authors' models in parts: tower and connector elsewhere, and every way they can contradict. */

import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { beforeAll, expect, it } from "vitest"
import type { Json } from "../src/checkpoint/json.js"
import { writeTensorFile, writeTensors } from "../src/checkpoint/safetensors/safetensors.js"
import { storedEntries } from "../src/checkpoint/stored-entries.js"
import { readCheckpoint } from "../src/models/checkpoint.js"
import { loadModel } from "../src/models/load.js"
import { readConfig } from "../src/models/read-config.js"
import { architectureOf } from "../src/models/registry.js"
import { tensorEntries } from "../src/models/save.js"
import { imageProcessorOf } from "../src/models/vision/images.js"
import { convert } from "../src/paradigms/convert.js"
import { noGrad, setThreads, type Tensor, zeros } from "../src/torch/index.js"
import { failureOf } from "./support/failure.js"
import {
  authorsConfig,
  authorsJson,
  patterned,
  saveAuthors,
  weightsOf,
  writeLetters,
  writeSiglip,
} from "./support/small-authors.js"
import { forEachTest } from "./support/test-folders.js"

beforeAll(() => setThreads(1))

let folder: string
forEachTest("authors-folders-", (made) => {
  folder = made
})

/** The language model in safetensors, the tower in a folder beside, the connector of stage 1 as torch saved it. */
async function writeParts(changes: Json = {}): Promise<{ model: string; tower: string; weights: Map<string, Tensor> }> {
  const [model, tower] = [join(folder, "model"), join(folder, "siglip")]
  const config = authorsConfig("llava_qwen", { mm_patch_merge_type: "flat", image_aspect_ratio: "square" })
  const weights = weightsOf(config)
  const own = new Map([...weights].filter(([name]) => !/vision_tower|mm_projector/.test(name)))
  const layout = architectureOf(config).layouts(config)[0]
  mkdirSync(model)
  await writeTensors(model, storedEntries(layout, tensorEntries(own)))
  const json = authorsJson("llava_qwen", { mm_patch_merge_type: "flat", image_aspect_ratio: "square", ...changes })
  writeFileSync(join(model, "config.json"), JSON.stringify(json))
  copyFileSync(resolve(import.meta.dirname, "fixtures/pickle/mm_projector.bin"), join(model, "mm_projector.bin"))
  writeLetters(model, "llava_qwen")
  return { model, tower, weights: await writeSiglip(tower) }
}

it("takes the tower from its own folder and the connector from mm_projector.bin, and is saved whole", async () => {
  const { model, weights } = await writeParts()
  const loaded = loadModel(model, { dtype: "float32", device: "cpu" }).model
  const prefix = "model.vision_tower.vision_tower."
  for (const [name, weight] of loaded.parameters()) {
    if (!name.startsWith(prefix)) continue
    expect(
      weight
        .sub(weights.get(name.slice(prefix.length))!)
        .abs()
        .max()
        .item(),
      name,
    ).toBe(0)
  }
  const projector: Record<string, string> = JSON.parse(
    readFileSync(resolve(import.meta.dirname, "fixtures/pickle/mm_projector.json"), "utf8"),
  )
  const entries = new Map([...readCheckpoint(model).tensors].filter(([name]) => name.includes("mm_projector")))
  expect([...entries.keys()].sort()).toEqual(
    Object.keys(projector)
      .map((name) => `model.mm_projector.${name}`)
      .sort(),
  )
  for (const [name, base64] of Object.entries(projector)) {
    const bits = new Uint16Array(new Uint8Array(Buffer.from(base64, "base64")).buffer)
    const values = new Float32Array(new Uint32Array([...bits].map((half) => half << 16)).buffer)
    const found = loaded.parameters().get(`model.mm_projector.${name}`)!
    expect([...found.to("float32").reshape(-1).toNumbers()], name).toEqual([...values])
  }
  const whole = join(folder, "whole")
  await convert(model, whole, { paradigm: "autoregressive" })
  rmSync(join(folder, "siglip"), { recursive: true })
  const again = loadModel(whole, { dtype: "float32", device: "cpu" }).model
  const image = await imageProcessorOf(loaded.config)!.prepare(patterned(12, 10))
  const [before, after] = [loaded, again].map((model) => noGrad(() => model.encodeImages([image])[0]))
  expect(after.sub(before).abs().max().item()).toBe(0)
  expect(existsSync(join(whole, "mm_projector.bin"))).toBe(false)
})

it("says which part is nowhere", async () => {
  const { model, tower } = await writeParts()
  rmSync(join(model, "mm_projector.bin"))
  expect(failureOf(() => readCheckpoint(model))).toMatch(
    /no connector, and there is no mm_projector\.safetensors or mm_projector\.bin/,
  )
  rmSync(tower, { recursive: true })
  expect(failureOf(() => readConfig(model))).toMatch(/mm_vision_tower is siglip: there is no such tower here/)
  writeFileSync(join(model, "config.json"), JSON.stringify(authorsJson("llava_qwen", { mm_vision_tower: undefined })))
  expect(failureOf(() => readConfig(model))).toMatch(/mm_vision_tower is nothing/)
})

it.each<[string, Json, RegExp]>([
  ["mm_hidden_size", { mm_hidden_size: 1152 }, /mm_hidden_size is 1152, but the tower's features have 8 channels/],
  ["mm_projector_type", { mm_projector_type: "mlp3x_gelu" }, /2 tensors missing: model\.mm_projector\.4/],
  ["a linear connector", { mm_projector_type: "linear" }, /model\.mm_projector\.weight/],
  ["a resampler", { mm_resampler_type: "perceiver" }, /mm_resampler_type/],
  ["marks around pictures", { mm_use_im_start_end: true }, /mm_use_im_start_end/],
  ["an aspect that there is not", { image_aspect_ratio: "highres" }, /image_aspect_ratio is "highres"/],
  [
    "tiles without canvases",
    { image_aspect_ratio: "anyres_max_4", image_grid_pinpoints: null },
    /image_grid_pinpoints is/,
  ],
  [
    "canvases of other tiles",
    { image_aspect_ratio: "anyres_max_4", image_grid_pinpoints: [[12, 8]] },
    /image_grid_pinpoints has \[12,8\], not two multiples of a tile's 8 pixels/,
  ],
])("contradictions are named: %s", async (_, changes, reason) => {
  const { model } = await writeParts(changes)
  expect(failureOf(() => readCheckpoint(model))).toMatch(reason)
})

it("a connector of another width is refused by name", async () => {
  const { model } = await writeParts()
  const shapes = { "0.weight": [24, 8], "0.bias": [24], "2.weight": [16, 24], "2.bias": [16] }
  const entries = Object.entries(shapes).map(([name, shape]) => [`mm_projector.${name}`, zeros(shape)] as const)
  await writeTensorFile(join(model, "mm_projector.safetensors"), tensorEntries(new Map(entries)))
  expect(failureOf(() => readCheckpoint(model))).toMatch(
    /3 tensors of the wrong kind: model\.mm_projector\.0\.weight is \[24, 8\], not \[16, 8\]/,
  )
})

it("a tower of another size is refused, whole or in parts", async () => {
  const { model, tower } = await writeParts()
  await writeSiglip(tower, { hidden_size: 12, num_attention_heads: 2 })
  expect(failureOf(() => readCheckpoint(model))).toMatch(
    /mm_hidden_size is 8, but the tower's features have 12 channels/,
  )
  // Of another resolution: the positions do not fit those in the model's own weights.
  await writeSiglip(tower, { image_size: 12 })
  const whole = join(folder, "whole")
  await saveAuthors(whole, "llava_qwen")
  writeFileSync(
    join(whole, "config.json"),
    JSON.stringify(authorsJson("llava_qwen", { image_grid_pinpoints: "(1x1),...,(2x2)" })),
  )
  expect(failureOf(() => readCheckpoint(whole))).toMatch(/position_embedding\.weight is \[16, 8\], not \[36, 8\]/)
})

it("a pickle that would run something is refused, and nothing is run", async () => {
  const { model } = await writeParts()
  copyFileSync(resolve(import.meta.dirname, "fixtures/pickle/evil.bin"), join(model, "mm_projector.bin"))
  expect(failureOf(() => readCheckpoint(model))).toMatch(/it holds a posix\.system/)
})
