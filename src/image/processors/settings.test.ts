/** Image-processor settings: transformers' places, order and defaults, and a sentence for what cannot be right. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { smallConfig } from "../../../test/support/small-checkpoint.js"
import { UserError } from "../../errors.js"
import type { QwenVlConfig } from "../../models/families/qwen2_5_vl-read.js"
import { readConfig } from "../../models/read-config.js"
import { QWEN_MEAN, QWEN_STD, qwenGrid } from "./qwen.js"
import { imageOptionsOf } from "./settings.js"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "settings-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Files {
  preprocessor?: object | string
  processor?: object | string
}
/** The options that a folder with these files gives. */
function options({ preprocessor, processor }: Files, limits = {}) {
  const write = (name: string, content: object | string) =>
    writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content))
  write("config.json", smallConfig())
  if (preprocessor !== undefined) write("preprocessor_config.json", preprocessor)
  if (processor !== undefined) write("processor_config.json", processor)
  return imageOptionsOf(folder, readConfig(folder) as QwenVlConfig, limits)
}
function refusal(files: Files, limits = {}): UserError {
  try {
    options(files, limits)
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return error as UserError
  }
  throw new Error("nothing was refused")
}

// Right values: transformers 5.24's Qwen2VLImageProcessor on a 400 × 400 picture.
const SIZE = { shortest_edge: 3136, longest_edge: 50176 }
const LARGE = [28, 28]
const SMALL = [16, 16]

describe("the same grid as transformers", () => {
  const grid = (files: Files) => qwenGrid(400, 400, options(files)).slice(1)

  it.each<[string, Files, number[]]>([
    ["a file that says nothing", { preprocessor: {} }, LARGE],
    ["size", { preprocessor: { size: SIZE } }, SMALL],
    ["pixels at the top", { preprocessor: { min_pixels: 3136, max_pixels: 50176 } }, SMALL],
    ["the maximum only", { preprocessor: { max_pixels: 50176 } }, SMALL],
    ["the top wins over size", { preprocessor: { size: SIZE, max_pixels: 3136 } }, [4, 4]],
    [
      "the old names in size, and the top over them",
      { preprocessor: { size: { min_pixels: 1, max_pixels: 2 }, min_pixels: 3136, max_pixels: 50176 } },
      SMALL,
    ],
    [
      "half of it in size, half at the top",
      { preprocessor: { size: { longest_edge: 50176 }, min_pixels: 3136 } },
      SMALL,
    ],
    ["null is nothing", { preprocessor: { size: SIZE, min_pixels: null, max_pixels: null } }, SMALL],
    ["a size of null", { preprocessor: { size: null } }, LARGE],
    ["nested", { processor: { image_processor: { size: SIZE } } }, SMALL],
    ["nested wins", { preprocessor: { size: SIZE }, processor: { image_processor: { max_pixels: 200704 } } }, LARGE],
    ["nested and empty wins", { preprocessor: { size: SIZE }, processor: { image_processor: {} } }, LARGE],
    ["nested null does not", { preprocessor: { size: SIZE }, processor: { image_processor: null } }, SMALL],
    [
      "a processor_config.json of the older kind says nothing",
      {
        preprocessor: { size: SIZE },
        processor: { processor_class: "Qwen2_5_VLProcessor", size: { longest_edge: 1 } },
      },
      SMALL,
    ],
  ])("%s", (_, files, want) => {
    expect(grid(files)).toEqual(want)
  })

  it("the old names in size alone mean what they say", () => {
    expect(grid({ preprocessor: { size: { min_pixels: 3136, max_pixels: 50176 } } })).toEqual(SMALL)
  })

  it("limits that the caller gives win, one by one", () => {
    expect(options({ preprocessor: { size: SIZE } }, { minPixels: 4000 })).toMatchObject({
      minPixels: 4000,
      maxPixels: 50176,
    })
  })
})

describe("what is done with the pixels", () => {
  it("has Qwen2VLImageProcessor's values for what the file does not say", () => {
    expect(options({ preprocessor: { image_mean: null } })).toEqual({
      minPixels: 3136,
      maxPixels: 1003520,
      patchSize: 14,
      mergeSize: 2,
      temporalPatchSize: 2,
      kernel: "bicubic",
      rescaleFactor: 1 / 255,
      mean: QWEN_MEAN,
      std: QWEN_STD,
    })
  })

  it("reads what it says", () => {
    const values = { image_mean: 0.5, image_std: [1, 2, 3], rescale_factor: 0.01, resample: 1 }
    expect(options({ preprocessor: values })).toMatchObject({
      mean: [0.5, 0.5, 0.5],
      std: [1, 2, 3],
      rescaleFactor: 0.01,
      kernel: "lanczos",
    })
  })

  it("leaves out what it switches off", () => {
    const values = { do_rescale: false, rescale_factor: 0, do_normalize: false, image_std: [0, 0, 0] }
    expect(options({ preprocessor: values })).toMatchObject({ rescaleFactor: 1, mean: [0, 0, 0], std: [1, 1, 1] })
  })
})

describe("what cannot be right is refused, with file and key", () => {
  it.each<[object, RegExp]>([
    [{ image_std: [0, 1, 1] }, /^image_std is \[0,1,1\]: it must be above 0$/],
    [{ image_std: 0 }, /^image_std is 0: it must be above 0$/],
    [{ image_std: [1e-300, 1, 1] }, /make black -Infinity and white Infinity: no model/],
    [{ image_std: [1e-30, 1, 1] }, /make black -4.81e\+29 and white/],
    [{ image_std: 1e30 }, /no model sees pictures so$/],
    [{ image_mean: [0, 0, 1e6] }, /no model sees pictures so$/],
    [{ rescale_factor: 1e-30 }, /no model sees pictures so$/],
    [{ rescale_factor: 1e30 }, /no model sees pictures so$/],
    [{ image_mean: [0.5] }, /^image_mean is \[0.5\], not a number or three numbers$/],
    [{ image_mean: ["a", 1, 1] }, /^image_mean is \["a",1,1\]/],
    [{ rescale_factor: 0 }, /^rescale_factor is 0, not a number above 0$/],
    [{ rescale_factor: "NaN" }, /^rescale_factor is "NaN", not a number above 0$/],
    [{ patch_size: 16 }, /^patch_size is 16, but the model's vision_config.patch_size is 14$/],
    [{ merge_size: 0 }, /^merge_size is 0, but the model's vision_config.spatial_merge_size is 2$/],
    [{ temporal_patch_size: 1e9 }, /^temporal_patch_size is 1000000000, but .* is 2$/],
    [{ size: { ...SIZE, shortest_edge: 60000 } }, /^min_pixels \(or size.shortest_edge\) 60000 exceeds .* 50176$/],
    [
      { size: { height: 224, width: 224 } },
      /^size is \{"height":224,"width":224\}, not \{ shortest_edge, longest_edge \}/,
    ],
    [{ size: 224 }, /^size is 224, not/],
    [{ size: [224, 224] }, /^size is \[224,224\], not/],
    [{ size: { shortest_edge: 3136 } }, /^size has no longest_edge$/],
    [{ size: { shortest_edge: 3136, longest_edge: null } }, /^size has no longest_edge$/],
    [{ size: { shortest_edge: 0, longest_edge: 3136 } }, /^size.shortest_edge is 0, not a positive whole number$/],
    [{ max_pixels: "50176" }, /^max_pixels is "50176", not a positive whole number$/],
    [{ min_pixels: 1e12, max_pixels: 1e13 }, /^min_pixels must be at most 16777216/],
    [{ do_resize: false }, /^do_resize is false: /],
    [{ do_rescale: 1 }, /^do_rescale is 1, not true or false$/],
    [{ resample: 0 }, /^resample is 0: no supported filter/],
    [{ resample: 9 }, /^resample is 9: no supported filter/],
    [{ image_processor_type: "CLIPImageProcessor" }, /^image_processor_type is "CLIPImageProcessor", not Qwen2VL/],
  ])("%j", (values, sentence) => {
    const flat = refusal({ preprocessor: values })
    expect(flat.message).toMatch(sentence)
    expect(flat.where).toContain(folder)
  })

  it("nested settings by their place", () => {
    const { message, where } = refusal({ processor: { image_processor: { image_std: [0, 1, 1] } } })
    expect(message).toBe("image_processor.image_std is [0,1,1]: it must be above 0")
    expect(where).toBe(join(folder, "processor_config.json"))
    expect(refusal({ processor: { image_processor: 5 } }).message).toBe("image_processor is 5, not an object")
  })

  it("a file that is empty", () => {
    expect(refusal({ preprocessor: "" })).toMatchObject({ where: join(folder, "preprocessor_config.json") })
  })

  it("limits that the caller gives", () => {
    expect(refusal({}, { minPixels: 2e7 }).message).toBe("min_pixels 20000000 exceeds max_pixels 12845056")
  })
})
