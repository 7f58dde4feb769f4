/** Settings of tiled processors: transformers' defaults, what each key does, and a sentence for what cannot be honoured. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { UserError } from "../../errors.js"
import { CLIP_MEAN, CLIP_STD, HALF } from "../pixels.js"
import { authorsSettings } from "./authors-settings.js"
import { resampleOf } from "./pixel-settings.js"
import { oneVisionSettings, requireLlavaCount, singleTileSettings, splitSettings } from "./tile-settings.js"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tiles-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (preprocessor?: object, processor?: object): void => {
  if (preprocessor) writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(preprocessor))
  if (processor) writeFileSync(join(folder, "processor_config.json"), JSON.stringify(processor))
}
const refusal = (body: () => unknown): string => {
  try {
    body()
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return (error as UserError).message
  }
  throw new Error("nothing was refused")
}

const tower = { imageSize: 224 }
const pixels = { kernel: "bicubic", pillow: 13, rescaleFactor: 1 / 255 }

describe("one tile", () => {
  const square = { width: 224, height: 224 }
  it.each<[object, object, object]>([
    [{}, { size: { shortestEdge: 224 }, crop: square }, { ...pixels, mean: CLIP_MEAN, std: CLIP_STD }],
    [
      { image_processor_type: "CLIPImageProcessorFast", size: 256, crop_size: 224, resample: 2 },
      { size: { shortestEdge: 256 }, crop: square },
      { ...pixels, kernel: "bilinear", mean: CLIP_MEAN, std: CLIP_STD },
    ],
    [
      { feature_extractor_type: "CLIPFeatureExtractor", size: { height: 30, width: 40 } },
      { size: { width: 40, height: 30 }, crop: square },
      { ...pixels, mean: CLIP_MEAN, std: CLIP_STD },
    ],
    [{ do_resize: false }, { crop: square }, { ...pixels, mean: CLIP_MEAN, std: CLIP_STD }],
    [
      { image_processor_type: "SiglipImageProcessor", image_mean: [0.1, 0.2, 0.3] },
      { size: square },
      { ...pixels, mean: [0.1, 0.2, 0.3], std: HALF },
    ],
    [
      { image_processor_type: "LlavaImageProcessor", do_pad: true, do_center_crop: false },
      { canvas: [122, 116, 104], size: { shortestEdge: 224 } },
      { ...pixels, mean: CLIP_MEAN, std: CLIP_STD },
    ],
  ])("%j", (preprocessor, settings, wanted) => {
    write(preprocessor)
    expect(singleTileSettings(folder, tower)).toEqual({ settings, pixels: wanted })
  })

  it.each<[object, RegExp]>([
    [{ image_processor_type: "ViTImageProcessor" }, /^image_processor_type is "ViTImageProcessor": such preparation/],
    [{ image_processor_type: 5 }, /^image_processor_type is 5: such/],
    [
      { crop_size: 336 },
      /^crop_size makes tiles of 336 × 336 pixels, but the model's vision_config.image_size is 224$/,
    ],
    [{ crop_size: { height: 224, width: 200 } }, /^crop_size makes tiles of 200 × 224 pixels/],
    [{ crop_size: { shortest_edge: 224 } }, /^crop_size is \{"shortest_edge":224\}, not \{ height, width \}$/],
    [{ size: { longest_edge: 224 } }, /^size is .*, not \{ shortest_edge \} or \{ height, width \}$/],
    [{ size: { shortest_edge: 0 } }, /^size.shortest_edge is 0, not a whole number from 1 to 65536$/],
    [{ size: { shortest_edge: 1e9 } }, /^size.shortest_edge is 1000000000, not/],
    [{ size: -1 }, /^size.shortest_edge is -1, not/],
    [{ size: "224" }, /^size is "224", not/],
    [{ do_center_crop: false }, /^do_center_crop is false: the tower takes pictures of one shape$/],
    [{ do_center_crop: 1 }, /^do_center_crop is 1, not true or false$/],
    [{ do_pad: true }, /^do_pad is true, which CLIPImageProcessor does not have$/],
    [{ resample: 0 }, /^resample is 0: no supported filter/],
    [{ image_std: 0 }, /^image_std is 0: it must be above 0$/],
    [{ image_processor_type: "SiglipImageProcessor", size: 224 }, /^size is 224, not \{ height, width \}$/],
    [{ image_processor_type: "SiglipImageProcessor", do_resize: false }, /^do_resize is false: the tower takes/],
    [{ image_processor_type: "SiglipImageProcessor", do_center_crop: true }, /^do_center_crop is true, which is not/],
  ])("%j is refused", (preprocessor, sentence) => {
    write(preprocessor)
    expect(refusal(() => singleTileSettings(folder, tower))).toMatch(sentence)
  })

  it("of a folder that says nothing is refused", () => {
    expect(refusal(() => singleTileSettings(folder, tower))).toMatch(/^there is no preprocessor_config.json/)
  })

  it.each([1, 2, 3, 4, 5])("filter %i is written as it is read", (resample) => {
    write({ resample })
    expect(resampleOf(singleTileSettings(folder, tower).pixels.kernel)).toBe(resample)
  })

  it("nested settings are named by their place", () => {
    write(undefined, { image_processor: { crop_size: 5 } })
    expect(refusal(() => singleTileSettings(folder, tower))).toMatch(/^image_processor.crop_size makes tiles of 5 × 5/)
  })
})

describe("LLaVA's processor counts as the model does", () => {
  const clip = { imageSize: 336, grid: [24, 24], classToken: true, select: "default" } as const
  it("with and without a processor that says so", () => {
    expect(() => requireLlavaCount(folder, clip)).not.toThrow()
    write(undefined, { patch_size: 14, num_additional_image_tokens: 1, vision_feature_select_strategy: "default" })
    expect(() => requireLlavaCount(folder, clip)).not.toThrow()
    // Pixels that fill no patch are left out.
    write(undefined, { patch_size: 4, num_additional_image_tokens: 0, vision_feature_select_strategy: "full" })
    const small = { imageSize: 10, grid: [2, 2], classToken: false, select: "full" } as const
    expect(() => requireLlavaCount(folder, small)).not.toThrow()
  })

  it("by the grid of the tower, not by pixels alone", () => {
    write(undefined, { patch_size: 2 })
    for (const grid of [
      [10, 10],
      [14, 7],
    ] as const)
      expect(refusal(() => requireLlavaCount(folder, { ...clip, imageSize: 28, grid }))).toBe(
        `patch_size is 2, but the model's tower has ${grid.join(" × ")} patches in a tile`,
      )
  })

  it.each([
    [{ patch_size: 16 }, "patch_size is 16, but the model's tower has 24 × 24 patches in a tile"],
    [{ patch_size: "14 px" }, 'patch_size is "14 px", but the model\'s tower has 24 × 24 patches in a tile'],
    [{ num_additional_image_tokens: 0 }, "num_additional_image_tokens is 0, but the model's configuration makes it 1"],
    [
      { vision_feature_select_strategy: "full" },
      'vision_feature_select_strategy is "full", but the model\'s configuration makes it "default"',
    ],
  ])("%j contradicts the model", (processor, sentence) => {
    write(undefined, processor)
    expect(refusal(() => requireLlavaCount(folder, clip))).toBe(sentence)
  })
})

describe("LLaVA-OneVision", () => {
  const model = { imageSize: 384, tokens: 729, pinpoints: undefined as unknown, maxTiles: 9 }
  it("has transformers' canvases and CLIP's colours where nothing is said", () => {
    write({ image_processor_type: "LlavaOnevisionImageProcessor" })
    const { settings, pixels: found } = oneVisionSettings(folder, model)
    expect(found).toEqual({ ...pixels, mean: CLIP_MEAN, std: CLIP_STD })
    expect(settings).toMatchObject({ side: 384, tokensPerTile: 729, maxTiles: 9, merge: "spatial_unpad", decimals: 7 })
    expect(settings.candidates).toHaveLength(36)
    expect(settings.candidates[1]).toEqual({ width: 768, height: 384 })
  })

  it("reads pairs as height and width", () => {
    write(
      { size: 384, image_grid_pinpoints: [[384, 768]] },
      { num_image_tokens: 729, vision_aspect_ratio: "anyres_max_4" },
    )
    const { settings } = oneVisionSettings(folder, { ...model, pinpoints: [[384, 768]], maxTiles: 4 })
    expect(settings).toMatchObject({ candidates: [{ width: 768, height: 384 }], maxTiles: 4 })
  })

  it.each<[object, object, object, RegExp]>([
    [
      { image_grid_pinpoints: [[384, 384]] },
      {},
      {},
      /^image_grid_pinpoints is not the same as that of the model's config/,
    ],
    [{ image_grid_pinpoints: [[384, 400]] }, {}, {}, /^image_grid_pinpoints has \[384,400\], not two multiples of/],
    [{ image_grid_pinpoints: [[0, 384]] }, {}, {}, /^image_grid_pinpoints has \[0,384\]/],
    [{ image_grid_pinpoints: [] }, {}, {}, /^image_grid_pinpoints is an empty list, not a list of 1 to 4096 pairs$/],
    [{ image_grid_pinpoints: "(1x1)" }, {}, {}, /^image_grid_pinpoints is "\(1x1\)"/],
    [{}, {}, { pinpoints: 5 }, /^image_grid_pinpoints of the model's config.json is 5, not a list/],
    [{ size: { height: 384, width: 400 } }, {}, {}, /^size makes tiles of 400 × 384 pixels/],
    [{ do_resize: false }, {}, {}, /^do_resize is false/],
    [{ do_pad: "yes" }, {}, {}, /^do_pad is "yes", not true or false$/],
    [{ image_processor_type: "CLIPImageProcessor" }, {}, {}, /^image_processor_type is "CLIPImageProcessor": such/],
    [{}, { num_image_tokens: 730 }, {}, /^num_image_tokens is 730, but the model's configuration makes it 729$/],
    [{}, { vision_feature_select_strategy: "default" }, {}, /^vision_feature_select_strategy is "default", but/],
    [{}, { vision_aspect_ratio: "anyres_max_4" }, {}, /^vision_aspect_ratio is "anyres_max_4", but .* "anyres_max_9"$/],
  ])("%j %j %j is refused", (preprocessor, processor, config, sentence) => {
    write(preprocessor, processor)
    expect(refusal(() => oneVisionSettings(folder, { ...model, ...config }))).toMatch(sentence)
  })
})

describe("Idefics3 and SmolVLM", () => {
  const idefics = { imageSize: 364, tokens: 169 }
  it("have transformers' sizes where nothing is said", () => {
    write({ image_processor_type: "Idefics3ImageProcessor" })
    expect(splitSettings(folder, idefics)).toEqual({
      settings: { size: { longestEdge: 1456 }, side: 364, splits: true, tokensPerTile: 169 },
      pixels: { ...pixels, kernel: "lanczos", mean: HALF, std: HALF },
    })
  })

  it("read what is said", () => {
    write(
      {
        image_processor_type: "SmolVLMImageProcessor",
        do_resize: false,
        do_image_splitting: false,
        max_image_size: { longest_edge: 512 },
      },
      { image_seq_len: 64 },
    )
    const { settings } = splitSettings(folder, { imageSize: 512, tokens: 64 })
    expect(settings).toEqual({ side: 512, splits: false, tokensPerTile: 64 })
  })

  it.each<[object, object, RegExp]>([
    [{ max_image_size: { longest_edge: 512 } }, {}, /^max_image_size.longest_edge is 512, but .*image_size is 364$/],
    [{ max_image_size: 364 }, {}, /^max_image_size is 364, not \{ longest_edge \}$/],
    [{ size: { longest_edge: 1.5 } }, {}, /^size.longest_edge is 1.5, not a whole number/],
    [{ size: 364 }, {}, /^size is 364, not \{ longest_edge \} or \{ height, width \}$/],
    [{ do_image_splitting: null, do_pad: 5 }, {}, /^do_pad is 5/],
    [{}, { image_seq_len: 64 }, /^image_seq_len is 64, but the model's configuration makes it 169$/],
  ])("%j %j is refused", (preprocessor, processor, sentence) => {
    write(preprocessor, processor)
    expect(refusal(() => splitSettings(folder, idefics))).toMatch(sentence)
  })
})

describe("the authors' configuration", () => {
  const siglip = { imageSize: 384, tokens: 729 }
  it("names canvases in pixels or as a range of tiles, width first", () => {
    const words = { image_aspect_ratio: "anyres_max_4", mm_patch_merge_type: "spatial_unpad" }
    const range = authorsSettings({ ...words, image_grid_pinpoints: "(1x1),...,(2x3)" }, siglip)
    expect(range).toMatchObject({ aspect: "anyres", maxTiles: 4, merge: "spatial_unpad", tokensPerTile: 729 })
    const pairs = [1, 2].flatMap((x) => [1, 2, 3].map((y) => [384 * x, 384 * y]))
    expect(range.candidates).toEqual(pairs.map(([width, height]) => ({ width, height })))
    expect(authorsSettings({ ...words, image_grid_pinpoints: pairs }, siglip)).toEqual(range)
  })

  it("says nothing of a first stage: stretched, without newline", () => {
    const settings = { aspect: "square", merge: "flat", candidates: [] }
    expect(authorsSettings({}, siglip)).toMatchObject(settings)
    expect(authorsSettings({ image_aspect_ratio: "pad" }, siglip)).toMatchObject({ ...settings, aspect: "pad" })
    expect(
      authorsSettings({ image_aspect_ratio: "anyres", image_grid_pinpoints: [[384, 384]] }, siglip).maxTiles,
    ).toBeUndefined()
  })

  it.each<[object, RegExp]>([
    [{ image_aspect_ratio: "highres" }, /^image_aspect_ratio is "highres", not/],
    [{ image_aspect_ratio: 5 }, /^image_aspect_ratio is 5, not/],
    [{ mm_patch_merge_type: "unpad" }, /^mm_patch_merge_type is "unpad", not "flat" or "spatial_unpad"$/],
    [{ image_aspect_ratio: "anyres_max_4" }, /^image_grid_pinpoints is nothing, not a list/],
    [{ image_aspect_ratio: "anyres_max_4", image_grid_pinpoints: "(1x1),...,(99x999)" }, /^image_grid_pinpoints is /],
    [
      { image_aspect_ratio: "anyres_max_4", image_grid_pinpoints: [[384]] },
      /^image_grid_pinpoints has \[384\], not two/,
    ],
  ])("%j is refused", (values, sentence) => {
    expect(refusal(() => authorsSettings(values as Record<string, unknown>, siglip, "config.json"))).toMatch(sentence)
  })
})
