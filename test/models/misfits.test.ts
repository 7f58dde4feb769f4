/**
 * Models that see, of parts that do not fit together: refused in a sentence that names the place and what to do, when they are
 * asked and when they are to be trained, before anything is written.
 */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Json } from "../../src/checkpoint/json.js"
import { openTensors, readTensor, writeTensors } from "../../src/checkpoint/safetensors/safetensors.js"
import { UserError } from "../../src/errors.js"
import { generateText } from "../../src/generate/generate.js"
import { loadSession } from "../../src/generate/session.js"
import { loadModel } from "../../src/models/load.js"
import { architectures } from "../../src/models/registry.js"
import { merge } from "../../src/paradigms/merge.js"
import { setThreads } from "../../src/torch/index.js"
import { writeOwnAdapter } from "../support/lora-fixtures.js"
import { SIGLIP } from "../support/small-authors.js"
import { TINY_MODELS, writeTinyModel } from "../support/tiny-models.js"
import { requestFor, trained } from "./mechanisms.js"

const root = mkdtempSync(join(tmpdir(), "misfits-"))
const SEEING = architectures()
  .filter(({ images, name }) => images !== undefined && TINY_MODELS[name] !== undefined)
  .map(({ name }) => name)
beforeAll(async () => {
  setThreads(1)
  for (const family of SEEING) await writeTinyModel(join(root, family), TINY_MODELS[family])
})
afterAll(() => rmSync(root, { recursive: true }))

/** Their language model and their pictures stand at the top of config.json: test/authors-folders.test.ts. */
const AUTHORS = ["llava_qwen", "llava_llada"]

let copies = 0
const copyOf = (family: string): string => {
  const folder = join(root, `copy-${copies++}`)
  cpSync(join(root, family), folder, { recursive: true })
  return folder
}

/** Another value at a place such as "vision_config.patch_size" of a file. */
function change(folder: string, file: string, changes: Json): void {
  const path = join(folder, file)
  const json = JSON.parse(readFileSync(path, "utf8"))
  for (const [place, value] of Object.entries(changes)) {
    const keys = place.split(".")
    const last = keys.pop()!
    const inner = keys.reduce((object, key) => object[key], json)
    if (value === undefined) delete inner[last]
    else inner[last] = value
  }
  writeFileSync(path, JSON.stringify(json))
}

async function changeWeights(folder: string, edit: (names: string[]) => Record<string, string | null>): Promise<void> {
  const stored = [...openTensors(folder)].map(([name, { dtype, shape, ...place }]) => {
    const bytes = Uint8Array.from(readTensor({ dtype, shape, ...place }))
    return { name, dtype, shape: [...shape], data: () => bytes }
  })
  const renamed = edit(stored.map(({ name }) => name))
  const kept = stored.flatMap((entry) => {
    const to = Object.hasOwn(renamed, entry.name) ? renamed[entry.name] : entry.name
    return to === null ? [] : to === `${entry.name}+` ? [entry, { ...entry, name: to }] : [{ ...entry, name: to }]
  })
  await writeTensors(folder, kept)
}

async function errorOf(work: () => unknown): Promise<UserError> {
  try {
    await work()
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return error as UserError
  }
  throw new Error("it was accepted")
}

/** It is refused when it is asked, and when it is to be trained, with nothing written. */
async function refused(folder: string, sentence: RegExp): Promise<void> {
  const asked = await errorOf(async () => {
    const session = loadSession(folder, { dtype: "float32", device: "cpu" })
    await generateText(session, requestFor(session))
  })
  expect(asked.format()).toMatch(sentence)
  expect(asked.where, asked.format()).toBeDefined()
  expect(asked.fix, asked.format()).toBeDefined()
  expect(asked.message).not.toMatch(/undefined|NaN|\[object/)
  const scratch = mkdtempSync(join(root, "scratch-"))
  const learned = await errorOf(() => trained({ folder, scratch }, { paradigm: "autoregressive" }))
  expect(learned.format()).toMatch(sentence)
  expect(readdirSync(scratch).filter((name) => !/^(data\.json|picture\.png)$/.test(name))).toEqual([])
}

/** A tower with a class token, in the place of the authors' SigLIP. */
const CLIP: Json = { ...SIGLIP, model_type: "clip_vision_model" }

/** Keys of the authors' config.json, which say all of their pictures. */
const OF_AUTHORS: [file: string, changes: Json, sentence: RegExp][] = [
  [
    "config.json",
    { vision_config: CLIP, mm_vision_select_feature: "cls_patch" },
    /the 17 features of each form no square\n.*mm_vision_select_feature/,
  ],
  ["config.json", { vision_config: CLIP, mm_vision_select_layer: -9 }, /mm_vision_select_layer is -9/],
  ["config.json", { vision_config: CLIP }, /weights and config\.json do not fit/],
  ["config.json", { "vision_config.image_size": 12 }, /do not fit: 1 tensor of the wrong kind: .*position_embedding/],
  ["config.json", { mm_projector_type: "pixel_shuffle3" }, /3 × 3 does not divide the tower's 4 × 4 features/],
  [
    "config.json",
    { mm_projector_type: "pixel_shuffle" },
    /do not fit: 1 tensor missing: model.mm_projector.proj.weight/,
  ],
  ["config.json", { mm_projector_type: "mlp3x_gelu" }, /do not fit: 2 tensors missing: model.mm_projector.4/],
  ["config.json", { mm_hidden_size: 16 }, /mm_hidden_size is 16, but the tower's features have 8 channels/],
  ["config.json", { image_grid_pinpoints: [[8, 12]] }, /image_grid_pinpoints has \[8,12\], not two multiples/],
  ["config.json", { image_grid_pinpoints: undefined }, /image_grid_pinpoints is nothing/],
  ["config.json", { image_aspect_ratio: "anyres_max_0" }, /image_aspect_ratio is "anyres_max_0"/],
  ["config.json", { mm_patch_merge_type: "flat" }, /do not fit: 1 tensor unexpected: model.image_newline/],
]

/** By family: file, changes, and what is said. */
const SETTINGS: Record<string, [file: string, changes: Json, sentence: RegExp][]> = {
  qwen2_5_vl: [
    ["preprocessor_config.json", { patch_size: 16 }, /patch_size is 16, .*14/],
    ["preprocessor_config.json", { merge_size: 4 }, /merge_size is 4/],
    ["preprocessor_config.json", { temporal_patch_size: 4 }, /temporal_patch_size is 4, .*2\n/],
    ["preprocessor_config.json", { min_pixels: 1e6 }, /min_pixels .* 1000000 exceeds the maximum, 3136/],
    ["config.json", { "vision_config.out_hidden_size": 24 }, /out_hidden_size 24 is not the text hidden_size 16/],
    [
      "config.json",
      { "vision_config.patch_size": 8 },
      /preprocessor_config\.json: patch_size is 14, .*patch_size is 8/,
    ],
    ["config.json", { "vision_config.depth": 3 }, /do not fit: 12 tensors missing: .*blocks\.2\./],
  ],
  qwen3_vl: [
    ["preprocessor_config.json", { patch_size: 8 }, /patch_size is 8, .*4/],
    ["preprocessor_config.json", { merge_size: 1 }, /merge_size is 1/],
    ["config.json", { "vision_config.out_hidden_size": 24 }, /out_hidden_size 24 is not text_config\.hidden_size 16/],
    [
      "config.json",
      { "vision_config.deepstack_visual_indexes": [5] },
      /deepstack_visual_indexes names layer 5, of 2 layers/,
    ],
    [
      "config.json",
      { "vision_config.num_position_embeddings": 25 },
      /do not fit: 1 tensor of the wrong kind: .*pos_embed\.weight is \[16, 16\], not \[25, 16\]/,
    ],
    ["config.json", { "text_config.rope_scaling.mrope_section": [2, 2, 2] }, /mrope_section \[2,2,2\] does not add up/],
  ],
  llava: [
    ["processor_config.json", { patch_size: 4 }, /patch_size is 4, .* 4 × 4 patches/],
    ["processor_config.json", { num_additional_image_tokens: 0 }, /num_additional_image_tokens is 0/],
    ["processor_config.json", { vision_feature_select_strategy: "full" }, /vision_feature_select_strategy is "full"/],
    ["preprocessor_config.json", { crop_size: { height: 16, width: 16 } }, /tiles of 16 × 16 pixels.*image_size is 8/],
    ["preprocessor_config.json", { do_center_crop: false }, /do_center_crop is false.*\n.*set it to true/],
    [
      "preprocessor_config.json",
      { image_processor_type: "Idefics3ImageProcessor" },
      /image_processor_type is "Idefics3/,
    ],
    ["config.json", { "vision_config.patch_size": 4 }, /processor_config\.json: patch_size is 2, .* 2 × 2 patches/],
    ["config.json", { "vision_config.image_size": 16 }, /tiles of 8 × 8 pixels.*image_size is 16/],
    ["config.json", { "vision_config.hidden_size": 24 }, /do not fit: 38 tensors of the wrong kind: /],
    ["config.json", { vision_feature_layer: -9 }, /vision_feature_layer is -9, .* 3 hidden states/],
    [
      "config.json",
      { "vision_config.model_type": "siglip_vision_model" },
      /num_additional_image_tokens is 1, .* makes it 0/,
    ],
    [
      "config.json",
      { "vision_config.model_type": "dinov2" },
      /vision_config\.model_type "dinov2" is no known vision tower/,
    ],
  ],
  llava_onevision: [
    ["processor_config.json", { num_image_tokens: 9 }, /num_image_tokens is 9/],
    ["preprocessor_config.json", { image_grid_pinpoints: [[8, 16]] }, /image_grid_pinpoints is not the same/],
    ["preprocessor_config.json", { image_grid_pinpoints: [[8, 12]] }, /image_grid_pinpoints has \[8,12\]/],
    ["preprocessor_config.json", { size: { height: 16, width: 16 } }, /tiles of 16 × 16 pixels/],
    ["config.json", { image_grid_pinpoints: [[7, 8]] }, /image_grid_pinpoints of .* has \[7,8\], not two multiples/],
    ["config.json", { vision_aspect_ratio: "pad" }, /vision_aspect_ratio is "pad", not anyres_max_N/],
    ["config.json", { vision_feature_select_strategy: "default" }, /the 15 features of each form no square/],
  ],
  smolvlm: [
    ["processor_config.json", { image_seq_len: 5 }, /image_seq_len is 5/],
    ["preprocessor_config.json", { max_image_size: { longest_edge: 16 } }, /max_image_size\.longest_edge is 16/],
    ["config.json", { scale_factor: 4 }, /image_seq_len is 4, .* makes it 1/],
    ["config.json", { scale_factor: 3 }, /scale_factor 3 does not divide/],
    ["config.json", { "vision_config.image_size": 16 }, /longest_edge is 8, .*image_size is 16/],
  ],
  llava_qwen: OF_AUTHORS,
  llava_llada: OF_AUTHORS,
}

/** What stands in the place of a language model. */
const INSIDE: [what: string, changes: Json, sentence: RegExp][] = [
  ["nothing", { text_config: undefined }, /text_config is missing/],
  ["a list", { text_config: [] }, /text_config.* an empty list/],
  ["one that sees", { "text_config.model_type": "qwen2_5_vl" }, /text_config\.model_type is "qwen2_5_vl"/],
]

describe.each(SEEING)("%s", (family) => {
  it.each(SETTINGS[family] ?? [])("%s %j", async (file, changes, sentence) => {
    const folder = copyOf(family)
    change(folder, file, changes)
    await refused(folder, sentence)
  })

  // Qwen's have defaults.
  const required = family.startsWith("qwen") || AUTHORS.includes(family) ? [] : ["preprocessor_config.json"]
  it.each(required)("without %s", async (file) => {
    const folder = copyOf(family)
    rmSync(join(folder, file))
    await refused(folder, /no preprocessor_config\.json/)
  })

  it("with a vision tensor missing, and with one too many", async () => {
    const vision = (names: string[]): string => names.filter((name) => /vis(ion|ual)/.test(name)).at(-1)!
    const [less, more] = [copyOf(family), copyOf(family)]
    await changeWeights(less, (names) => ({ [vision(names)]: null }))
    await refused(less, /1 tensor missing/)
    await changeWeights(more, (names) => ({ [vision(names)]: `${vision(names)}+` }))
    await refused(more, /1 tensor unexpected/)
  })

  it("with its weights cut short", async () => {
    const folder = copyOf(family)
    const file = join(folder, "model.safetensors")
    writeFileSync(file, readFileSync(file).subarray(0, -100))
    await refused(folder, /model\.safetensors/)
  })

  it.each(family === "qwen2_5_vl" || AUTHORS.includes(family) ? [] : INSIDE)(
    "around %s",
    async (_, changes, sentence) => {
      const folder = copyOf(family)
      change(folder, "config.json", changes)
      await refused(folder, sentence)
    },
  )

  const tokenKeys = ["image_token_id", "image_token_index"].filter((name) => name in TINY_MODELS[family].config)
  it.each(tokenKeys)(
    "with a token for pictures (%s) that it has not, or that its template does not write",
    async (key) => {
      for (const [id, sentence] of [
        [5000, /token 5000 is outside the vocabulary of 111/],
        [7, /token 7 is "&" of the tokenizer, whose <.*> is 10[01]/],
      ] as const) {
        const folder = copyOf(family)
        change(folder, "config.json", { [key]: id })
        await refused(folder, sentence)
      }
    },
  )

  it("with more or fewer pictures than the messages show", async () => {
    const session = loadSession(join(root, family), { dtype: "float32", device: "cpu" })
    const request = requestFor(session)
    for (const images of [[], [...request.images, ...request.images]]) {
      const error = await errorOf(() => generateText(session, { ...request, images }))
      expect(error.format()).toMatch(/show 1 image, but [02] were given\n.*one image for each/)
    }
    expect((await generateText(session, request)).ids.length).toBeGreaterThan(0)
  })

  it("with a picture that is not as many features as it stands for", async () => {
    const session = loadSession(join(root, family), { dtype: "float32", device: "cpu" })
    const picture = await session.images!.prepare({ width: 9, height: 8, data: new Uint8Array(9 * 8 * 3) })
    const rows = session.model.encodeImages([picture])[0].shape[0]
    const other = { ...picture, pieces: [...picture.pieces, 1] }
    const error = await errorOf(() => session.model.encodeImages([picture, other]))
    expect(error.message).toBe(`image 2 stands for ${rows + 1} tokens, but the model makes ${rows} features of it`)
  })

  it("with an adapter for another model", async () => {
    const other = family === "llava" ? "smolvlm" : "llava"
    const adapter = join(root, `adapter-${family}`)
    await writeOwnAdapter(other, adapter)
    const error = await errorOf(() => loadModel(adapter, { base: join(root, family) }))
    expect(error.format()).toMatch(/for another model[^\n]*\n.*--base/)
    const out = join(root, `out-${family}`)
    const merged = await errorOf(() => merge(adapter, out, { base: join(root, family) }))
    expect(merged.format()).toMatch(/for another model/)
    expect(existsSync(out)).toBe(false)
  })
})
