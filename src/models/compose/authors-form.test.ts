/** New models as the authors' code saves them. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { imagePath } from "../../../test/support/images.js"
import { SMALL_FAMILIES } from "../../../test/support/small-families.js"
import { type SmallTextModel, writeSmallLanguage, writeSmallTextModel } from "../../../test/support/small-text-model.js"
import { writeSmallTower } from "../../../test/support/small-towers.js"
import { decodeImage } from "../../image/decode.js"
import type { Tensor } from "../../torch/index.js"
import { type LoadedModel, loadCheckpoint, loadModel } from "../load.js"
import { imageProcessorOf } from "../vision/images.js"
import { type ComposeOptions, composeModel } from "./compose.js"
import { saveComposed, saveParts } from "./save-composed.js"

const root = mkdtempSync(join(tmpdir(), "authors-form-"))
let llama: SmallTextModel
let siglip: string
beforeAll(async () => {
  llama = await writeSmallTextModel(root)
  siglip = await writeSmallTower(join(root, "siglip"), "siglip")
})
afterAll(() => rmSync(root, { recursive: true }))

const values = (tensor: Tensor): number[] => [...(tensor.toArray() as Float32Array)]

/** Rows of a picture. */
async function seen({ model, checkpoint }: LoadedModel, folder: string): Promise<Tensor> {
  const images = imageProcessorOf(checkpoint.config, folder)!
  return model.encodeImages([await images.prepare(await decodeImage(readFileSync(imagePath("rgb.png"))))])[0]
}

const qwen2 = { ...SMALL_FAMILIES.qwen2, use_sliding_window: false, eos_token_id: 3, mask_token_id: undefined }
it.each<[string, object, Partial<ComposeOptions>, object]>([
  ["Qwen2", qwen2, {}, { family: "llava_qwen", chat: "qwen_2_5" }],
  ["Qwen2, in tiles", qwen2, { anyres: 2, connector: "mlp3x_gelu" }, { family: "llava_qwen" }],
  ["LLaDA", SMALL_FAMILIES.llada, {}, { family: "llava_llada", chat: "llava_llada" }],
])("%s", async (name, json, options, expected) => {
  const language = await writeSmallLanguage(join(root, `authors ${name}`), llama, json)
  const composed = composeModel({ language, tower: siglip, layout: "authors", ...options })
  const [folder, parts] = [join(root, `authors whole ${name}`), join(root, `authors parts ${name}`)]
  await saveComposed(folder, composed)
  await saveParts(parts, composed)
  const saved = loadModel(folder, { dtype: "float32" })
  expect(saved.checkpoint.config).toMatchObject(expected)
  expect(saved.checkpoint.config.text.vocabSize).toBe(llama.vocabulary)
  const before = await seen(loadCheckpoint(composed.checkpoint, { dtype: "float32" }), folder)
  for (const loaded of [saved, loadModel(parts, { dtype: "float32" })])
    expect(values(await seen(loaded, folder))).toEqual(values(before))
  expect(before.shape[0]).toBeGreaterThanOrEqual(16)
  // Its last layer is taken away.
  const names = [...saved.model.parameters().keys()].filter((weight) => /encoder\.layers\.\d/.test(weight))
  expect(new Set(names.map((weight) => /layers\.(\d)/.exec(weight)![1]))).toEqual(new Set(["0", "1"]))
  const given = loadModel(language, { dtype: "float32" }).model.parameters()
  for (const [weight, value] of given)
    expect(values(saved.model.parameters().get(weight)!), weight).toEqual(values(value))
})

it("is for models that their code has", async () => {
  const language = await writeSmallLanguage(join(root, "authors refused"), llama, qwen2)
  const refused = (options: Partial<ComposeOptions>, sentence: RegExp): void =>
    expect(() => composeModel({ language, tower: siglip, layout: "authors", ...options })).toThrow(sentence)
  refused({ language: llama.folder }, /there is no Llama model in the authors' form/)
  refused({ connector: "pixel_shuffle" }, /there is no connector pixel_shuffle in the authors' form/)
  refused({ imageToken: "<|im_start|>" }, /no token stands for pictures in the authors' form/)
  refused({ layer: -1 }, /SigLIP gives what its last layer but one makes/)
  refused({ layout: "llama.cpp" as never }, /there is no layout "llama.cpp" for a new model/)
})
