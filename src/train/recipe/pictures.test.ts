/** Settings of pictures are followed by the models that can, and refused for the others; defaults never are. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { run } from "../../../test/support/run-training.js"
import { patterned } from "../../../test/support/tiles.js"
import { TINY_MODELS, writeTinyModel } from "../../../test/support/tiny-models.js"
import type { ImageProcessor } from "../../models/architecture.js"
import { readConfig } from "../../models/read-config.js"
import { architectures } from "../../models/registry.js"
import { imageProcessorOf } from "../../models/vision/images.js"
import type { TiledImage } from "../../models/vision/tiled-vision.js"
import { identityOf, legacyFingerprint } from "../run/identity.js"
import { openStart } from "../run/start.js"
import { type TrainingConfig, trainingSchema } from "./config.js"
import { pictureOptions, smallerPictures } from "./pictures.js"

const root = mkdtempSync(join(tmpdir(), "dvl-pictures-"))
const file = join(root, "data.json")
const folder = (family: string): string => join(root, family)
const SEEING = architectures()
  .filter(({ images, name }) => images !== undefined && TINY_MODELS[name] !== undefined)
  .map(({ name }) => name)
beforeAll(async () => {
  for (const family of SEEING) await writeTinyModel(folder(family), TINY_MODELS[family])
  const turns = [
    { from: "human", value: "Hi." },
    { from: "gpt", value: "Ho." },
  ]
  writeFileSync(file, JSON.stringify([{ conversations: turns }]))
})
afterAll(() => rmSync(root, { recursive: true }))

const imagesOf = (family: string): ImageProcessor => imageProcessorOf(readConfig(folder(family)), folder(family))!
const recipe = (family: string, data: object): TrainingConfig =>
  trainingSchema().parse({
    model: folder(family),
    output: join(root, "out"),
    paradigm: "autoregressive",
    data: { file, ...data },
    train: { dtype: "float32", max_steps: 1 },
  })

const QWEN = ["qwen2_5_vl", "qwen3_vl"]
describe.each(SEEING)("pictures of %s", (family) => {
  it("follow what they can, and refuse what would change nothing", () => {
    const images = imagesOf(family)
    const asked = (data: object) => () => pictureOptions(recipe(family, data).data, images)
    expect(asked({})()).toEqual({ pad: true, wholeOnly: false })
    for (const keys of [
      { image_aspect: "pad" },
      { image_aspect: "native" },
      { min_pixels: 3136 },
      { max_pixels: 3136 },
    ]) {
      const [key] = Object.keys(keys)
      if (QWEN.includes(family)) expect(asked(keys)).not.toThrow()
      else expect(asked(keys)).toThrow(`the model's pictures cannot follow ${key}: its own files say`)
    }
    const isTiled = ["llava_onevision", "smolvlm", "llava_qwen", "llava_llada"].includes(family)
    if (isTiled) expect(asked({ image_tiles: "whole" })()).toMatchObject({ wholeOnly: true })
    else expect(asked({ image_tiles: "whole" })).toThrow("cannot follow image_tiles")
    expect(asked({ image_tiles: "all" })).not.toThrow()
    const advice = QWEN.includes(family) ? /max_pixels/ : isTiled ? /image_tiles/ : /^undefined/
    expect(String(smallerPictures(images))).toMatch(advice)
  })
})

it.each(["llava_onevision", "smolvlm"])(
  "%s has the small copy of a picture alone where it is wanted",
  async (family) => {
    const images = imagesOf(family)
    const wide = patterned(30, 9)
    const [all, whole] = await Promise.all(
      [false, true].map(async (wholeOnly) => (await images.prepare(wide, { wholeOnly })) as TiledImage),
    )
    const tile = 3 * 8 ** 2
    expect(all.pixelValues.length).toBeGreaterThan(tile)
    expect(whole.pixelValues.length).toBe(tile)
    const tokens = ({ pieces }: TiledImage): number =>
      pieces.reduce<number>((sum, piece) => sum + (typeof piece === "number" ? piece : 0), 0)
    expect(tokens(whole)).toBeLessThan(tokens(all))
    expect(images.pieces(wide, { wholeOnly: true })).toEqual(whole.pieces)
  },
)

it("a training refuses them before it writes", async () => {
  const config = recipe("llava", { max_pixels: 3136 })
  await expect(run(config)).rejects.toThrow("cannot follow max_pixels")
  expect(existsSync(config.output)).toBe(false)
})

it("a default that is given is the same training, as it was when defaults were recorded", async () => {
  const [given, left] = [{ image_aspect: "pad" }, {}].map((data) => recipe("qwen2_5_vl", data))
  const identity = await identityOf(left, await openStart(left, {}))
  expect(identity.settings["data.image_aspect"]).toBe("pad")
  expect(await identityOf(given, await openStart(given, {}))).toEqual(identity)
  expect(legacyFingerprint(given)).toBe(legacyFingerprint(left))
})
