/** Pictures of the authors' models: tiles and newlines, in prompts, in training, and their settings beside the model. */

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import sharp from "sharp"
import { beforeAll, describe, expect, it } from "vitest"
import type { Json } from "../src/checkpoint/json.js"
import { preparePrompt } from "../src/generate/prepare.js"
import { loadSession } from "../src/generate/session.js"
import type { RgbImage } from "../src/image/rgb.js"
import type { PictureOptions } from "../src/models/architecture.js"
import { readConfig } from "../src/models/read-config.js"
import { expectedTensors } from "../src/models/registry.js"
import { imageProcessorOf } from "../src/models/vision/images.js"
import type { TiledImage } from "../src/models/vision/tiled-vision.js"
import { encodePrompt, IMAGE, type Message } from "../src/text/conversation.js"
import { Tokenizer } from "../src/text/tokenizer/tokenizer.js"
import { setThreads } from "../src/torch/index.js"
import { TrainingData } from "../src/train/data.js"
import { trainingSchema } from "../src/train/recipe/config.js"
import { failureOf } from "./support/failure.js"
import { authorsConfig, PER_TILE, patterned, SIDE, saveAuthors, WHAT_IS_IT } from "./support/small-authors.js"
import { forEachTest } from "./support/test-folders.js"

beforeAll(() => setThreads(1))

let folder: string
forEachTest("authors-pictures-", (made) => {
  folder = made
})

const processor = (changes: Json = {}) => imageProcessorOf(authorsConfig("llava_qwen", changes))!
const pixelsOf = async (changes: Json, image: RgbImage, options: PictureOptions): Promise<Float32Array> =>
  ((await processor(changes).prepare(image, options)) as TiledImage).pixelValues
const size = { width: 30, height: 9 }

it("are a copy of the whole and a grid of tiles, each line with a newline; in the authors' training the copy alone", async () => {
  // On 24 × 8 pixels 4 rows of 12 features, of which as many are kept as show the picture.
  expect(processor().pieces(size)).toEqual([PER_TILE + 4 * 13])
  expect(processor().pieces(size, { wholeOnly: true })).toEqual([PER_TILE + 1])
  const all = await pixelsOf({}, patterned(30, 9), {})
  expect(all.length).toBe(4 * 3 * SIDE ** 2)
  expect(await pixelsOf({}, patterned(30, 9), { wholeOnly: true })).toEqual(all.slice(0, 3 * SIDE ** 2))
})

it("of which there are several are each one tile, on a square canvas", async () => {
  expect(processor().pieces(size, { among: 2 })).toEqual([PER_TILE + 1])
  const among = await pixelsOf({}, patterned(30, 9), { among: 2 })
  expect(await pixelsOf({ image_aspect_ratio: "pad" }, patterned(30, 9), {})).toEqual(among)
  expect(await pixelsOf({ image_aspect_ratio: "square" }, patterned(30, 9), {})).not.toEqual(among)
})

it("of the first stage are 16 rows without a newline, which the model then has no weight for", () => {
  const flat = { mm_patch_merge_type: "flat", image_aspect_ratio: "square" }
  expect(processor(flat).pieces(size)).toEqual([PER_TILE])
  expect(expectedTensors(authorsConfig("llava_qwen", flat)).has("model.image_newline")).toBe(false)
})

it("take their rows in the prompt without marks around them, one slot each", async () => {
  await saveAuthors(folder, "diffusionvl_qwen")
  const session = loadSession(folder, { dtype: "float32", device: "cpu" })
  const two: Message[] = [
    {
      role: "user",
      content: [{ type: "image" }, { type: "text", text: " " }, { type: "image" }, { type: "text", text: "\nSame?" }],
    },
  ]
  const { ids, features } = await preparePrompt(session, two, [patterned(30, 9), patterned(9, 9)])
  expect(features!.map(({ shape }) => shape[0])).toEqual([PER_TILE + 1, PER_TILE + 1])
  const text = [...ids]
    .filter((id) => id >= 0)
    .map((id) => session.tokenizer.token(id))
    .join("")
  expect(text).toContain("user\n \nSame?<|im_end|>")
  expect([...ids].filter((id) => id < 0)).toHaveLength(2 * (PER_TILE + 1))
  await expect(preparePrompt(session, two, [patterned(30, 9)])).rejects.toThrow(
    "the messages show 2 images, but 1 was given",
  )
})

it("in training are all tiles, or the copy of the whole alone as the authors' recipe has it (Q1)", async () => {
  await saveAuthors(folder, "llava_qwen")
  const pixels = patterned(30, 9)
  await sharp(pixels.data, { raw: { width: 30, height: 9, channels: 3 } })
    .png()
    .toFile(join(folder, "wide.png"))
  const turns = [
    { from: "human", value: "<image>\nWhat?" },
    { from: "gpt", value: "It." },
  ]
  writeFileSync(join(folder, "data.json"), JSON.stringify([{ image: "wide.png", conversations: turns }]))
  const lengths = await Promise.all(
    [{}, { image_tiles: "whole" }].map(async (keys) => {
      const recipe = trainingSchema().parse({
        model: folder,
        output: join(folder, "out"),
        paradigm: "autoregressive",
        data: { file: join(folder, "data.json"), sampler: "shuffle", ...keys },
        train: { micro_batch_size: 1 },
      })
      const config = readConfig(folder)
      const tokenizer = Tokenizer.load(folder)
      const data = new TrainingData(recipe, tokenizer, config, "qwen_2_5", imageProcessorOf(config, folder))
      const { samples, images } = await data.batch(0, 0, 0)
      return [samples[0].ids.length, (images[0] as TiledImage).pixelValues.length / (3 * SIDE ** 2)]
    }),
  )
  expect(lengths[0][1]).toBe(4)
  expect(lengths[1][1]).toBe(1)
  expect(lengths[0][0] - lengths[1][0]).toBe(4 * 13 - 1)
})

it("lose the token behind them in LLaDA's prompts only when asked (Q22)", async () => {
  await saveAuthors(folder, "llava_llada_bd3lm")
  const session = loadSession(folder, { dtype: "float32", device: "cpu" })
  const [kept, lost] = [false, true].map((dropAfterImage) =>
    encodePrompt(WHAT_IS_IT, session.tokenizer, session.format, { dropAfterImage }),
  )
  const at = kept.indexOf(IMAGE)
  expect([...lost]).toEqual([...kept.slice(0, at + 1), ...kept.slice(at + 2)])
  const lengths = await Promise.all(
    [false, true].map(
      async (dropAfterImage) =>
        (await preparePrompt(session, WHAT_IS_IT, [patterned(9, 9)], { dropAfterImage })).ids.length,
    ),
  )
  expect(lengths[0] - lengths[1]).toBe(1)
  const other = join(folder, "qwen")
  mkdirSync(other)
  await saveAuthors(other, "llava_qwen")
  const qwen = loadSession(other, { dtype: "float32", device: "cpu" })
  await expect(preparePrompt(qwen, WHAT_IS_IT, [patterned(9, 9)], { dropAfterImage: true })).rejects.toThrow(
    "only prompts of LLaDA's models lose the token behind an image",
  )
})

describe("settings of pictures beside the model", () => {
  const siglip = { image_processor_type: "SiglipImageProcessor", size: { height: SIDE, width: SIDE } }
  const half = { resample: 3, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] }

  it.each<[string, Json, RegExp | undefined]>([
    ["that agree", { ...siglip, ...half }, undefined],
    ["of another kind of processor", { image_processor_type: "Qwen2VLImageProcessor", min_pixels: 4 }, undefined],
    [
      "of another size",
      { ...siglip, ...half, size: { height: 384, width: 384 } },
      /size makes tiles of 384 × 384 pixels/,
    ],
    ["of other colours", { ...siglip, ...half, image_mean: [0.1, 0.5, 0.5] }, /image_mean is not \[0\.5,0\.5,0\.5\]/],
    ["of another kernel", { ...siglip, ...half, resample: 2 }, /resample is not bicubic/],
  ])("%s", async (_, settings, reason) => {
    await saveAuthors(folder, "llava_qwen")
    writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(settings))
    const load = () => loadSession(folder, { dtype: "float32", device: "cpu" })
    if (reason) expect(failureOf(load)).toMatch(reason)
    else expect(load().images!.pieces({ width: SIDE, height: SIDE })).toEqual([PER_TILE + 4 * 5])
  })
})
