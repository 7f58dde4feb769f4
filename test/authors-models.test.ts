/** The authors' models with a SigLIP tower: every paradigm with pictures, folders whole and in parts, and every way they can contradict. */

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { ModelConfig } from "../src/checkpoint/config.js"
import type { Json } from "../src/checkpoint/json.js"
import { openTensors, writeTensorFile, writeTensors } from "../src/checkpoint/safetensors.js"
import { storedEntries } from "../src/checkpoint/stored-entries.js"
import { randomFrom } from "../src/data/prng.js"
import { UserError } from "../src/errors.js"
import { generateText } from "../src/generate/generate.js"
import { preparePrompt } from "../src/generate/prepare.js"
import { loadSession } from "../src/generate/session.js"
import type { RgbImage } from "../src/image/rgb.js"
import type { PictureOptions } from "../src/models/architecture.js"
import { readCheckpoint } from "../src/models/checkpoint.js"
import { imageProcessorOf } from "../src/models/images.js"
import { loadModel } from "../src/models/load.js"
import { readConfig } from "../src/models/read-config.js"
import { architectureOf, buildModel, expectedTensors, initialiseWeights } from "../src/models/registry.js"
import { saveModel, tensorEntries } from "../src/models/save.js"
import type { TiledImage } from "../src/models/tiled-vision.js"
import { meanLoss, type TrainingBatch } from "../src/paradigms/batch.js"
import { convert } from "../src/paradigms/convert.js"
import { paradigmNamed, paradigms } from "../src/paradigms/registry.js"
import { asParadigm } from "../src/paradigms/translate.js"
import { encodePrompt, encodeTraining, IMAGE, type Message } from "../src/text/conversation.js"
import { spanOf } from "../src/text/image-span.js"
import { Tokenizer } from "../src/text/tokenizer.js"
import { backward, noGrad, setThreads, type Tensor, tidy, zeros } from "../src/torch/index.js"
import { trainingSchema } from "../src/train/config.js"
import { TrainingData } from "../src/train/data.js"
import {
  AUTHORS_TYPES,
  type AuthorsType,
  authorsConfig,
  authorsJson,
  MASK,
  PER_TILE,
  SIDE,
  SIGLIP,
  writeLetters,
  writeSiglip,
} from "./support/small-authors.js"

const root = mkdtempSync(join(tmpdir(), "authors-"))
beforeAll(() => setThreads(1))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folder: string
let count = 0
beforeEach(() => {
  folder = join(root, String(count++))
  mkdirSync(folder)
})

const TYPES = Object.keys(AUTHORS_TYPES) as AuthorsType[]
const PLAIN = { qwen2: "llava_qwen", llada: "llava_llada" } as const
const BLOCKS = { qwen2: "diffusionvl_qwen", llada: "llava_llada_bd3lm" } as const
const ARCHITECTURES = {
  llava_qwen: "LlavaQwenForCausalLM",
  diffusionvl_qwen: "DiffusionVLQwenForCausalLM",
  llava_llada: "LlavaLLaDAModelLM",
  llava_llada_bd3lm: "LlavaLladaBD3LMForCausalLM",
}
const PUBLISHED = { qwen2: "autoregressive", llada: "full-diffusion" } as const

const picture = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i * 7 + 31 * i) % 256),
})
const question: Message[] = [{ role: "user", content: [{ type: "image" }, { type: "text", text: "\nWhat is it?" }] }]
const weightsOf = (config: ModelConfig, trainable = false) =>
  initialiseWeights(config, 7, { std: 0.3, embeddingStd: 1, trainable })

async function save(to: string, type: AuthorsType, config = authorsConfig(type)): Promise<void> {
  await saveModel(to, { config, parameters: weightsOf(config) })
  writeLetters(to, type)
}

const written = (of: string): Json => JSON.parse(readFileSync(join(of, "config.json"), "utf8"))

function thrown(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return (error as UserError).format()
  }
  throw new Error("nothing was thrown")
}

describe.each(TYPES.flatMap((type) => paradigms().map(({ name }) => ({ type, paradigm: name }))))(
  "$paradigm on $type",
  ({ type, paradigm: name }) => {
    const language = AUTHORS_TYPES[type]
    const paradigm = paradigmNamed(name)
    const recipe = paradigm.recipe.parse({})
    const config = asParadigm(authorsConfig(type), paradigm, { recorded: paradigm.record(recipe) })

    it("learns from pictures with every part, is saved in the form of its paradigm, and answers as before", async () => {
      await save(folder, type, config)
      const expectedType = name === "block-diffusion" ? BLOCKS[language] : PLAIN[language]
      expect(written(folder).model_type).toBe(expectedType)
      // What other loaders would not know is recorded; the published paradigm of the form is not.
      const isPublished =
        name === "block-diffusion" ||
        (name === PUBLISHED[language] && Object.keys(config.paradigm.options).length === 0)
      expect(written(folder).diffusionvl === undefined).toBe(isPublished)
      expect("bd3lm_block_size" in written(folder)).toBe(name === "block-diffusion")
      const session = loadSession(folder, { dtype: "float32", device: "cpu" })
      expect(session.paradigm.name).toBe(name)

      const model = buildModel(config, weightsOf(config, true), "float32")
      const messages: Message[] = [...question, { role: "assistant", content: "A cat." }]
      const tokenizer = Tokenizer.load(folder)
      const options = { learn: paradigm.learn?.(recipe) }
      const encoded = encodeTraining(messages, tokenizer, session.format, options)
      const image = await session.images!.prepare(picture(20, 9))
      const layout = paradigm.layOut(encoded, recipe, {
        maxLength: 512,
        imageSpans: [spanOf(image.pieces, tokenizer)],
        config,
      })
      const batch: TrainingBatch = { samples: [{ ...layout, where: "here" }], images: [image] }
      const objective = { recipe, per: paradigm.per, maskToken: paradigm.masks ? MASK : undefined }
      tidy(() => backward(meanLoss(paradigm.objective(model, batch, { ...objective, uniform: randomFrom(5) }))))
      const still = [...model.parameters()].filter(([, { grad }]) => !grad || !(grad.abs().max().item() > 0))
      // The norm behind the tower's last layer is in the files, and nothing reads it.
      expect(still.map(([weight]) => weight)).toEqual(
        ["weight", "bias"].map((part) => `model.vision_tower.vision_tower.vision_model.post_layernorm.${part}`),
      )

      const asked = { messages: question, images: [picture(20, 9)], maxTokens: 6 }
      const first = await generateText(session, asked)
      const again = await generateText(loadSession(folder, { dtype: "float32", device: "cpu" }), asked)
      expect([...again.ids]).toEqual([...first.ids])
      expect(first.ids.length).toBeGreaterThan(0)
      const other = await preparePrompt(session, question, [picture(9, 20)])
      expect(other.features).toHaveLength(1)
    })
  },
)

describe.each(TYPES)("%s on disk", (type) => {
  it("has the authors' names and keys, and is read back as it was", async () => {
    await save(folder, type)
    const names = [...openTensors(folder).keys()]
    const tower = "model.vision_tower.vision_tower.vision_model"
    expect(names).toEqual(
      expect.arrayContaining([
        "model.embed_tokens.weight",
        "lm_head.weight",
        "model.mm_projector.0.weight",
        "model.mm_projector.2.bias",
        "model.image_newline",
        `${tower}.embeddings.position_embedding.weight`,
        `${tower}.encoder.layers.1.mlp.fc2.weight`,
        `${tower}.post_layernorm.bias`,
      ]),
    )
    // The last of three layers is not used, and not there.
    expect(names.filter((name) => name.includes("layers.2."))).toEqual([
      ...names.filter((name) => name.startsWith("model.layers.2.")),
    ])
    const { use_mm_proj, vision_config, dtype: _, torch_dtype: __, ...json } = written(folder)
    const { bos_token_id: ___, ...before } = authorsJson(type)
    expect(json).toMatchObject(before)
    expect(use_mm_proj).toBe(true)
    expect(vision_config).toMatchObject(SIGLIP)
    const { raw: _raw, ...again } = readConfig(folder)
    const { raw: _before, ...config } = authorsConfig(type)
    expect(again).toEqual({ ...config, ...(again.paradigm.name === "block-diffusion" && { paradigm: again.paradigm }) })
    expect(again.paradigm.options.block_size).toBe(type.match(/diffusionvl|bd3lm/) ? 4 : undefined)
  })

  it("is translated to the other form and back with the same weights", async () => {
    await save(folder, type)
    const language = AUTHORS_TYPES[type]
    const there = join(folder, "there")
    const isBlocks = type === BLOCKS[language]
    await convert(folder, there, { paradigm: isBlocks ? PUBLISHED[language] : "block-diffusion" })
    expect(written(there).model_type).toBe(isBlocks ? PLAIN[language] : BLOCKS[language])
    const back = join(folder, "back")
    await convert(there, back, { paradigm: isBlocks ? "block-diffusion" : PUBLISHED[language] })
    expect(written(back).model_type).toBe(type)
    expect(written(back).architectures).toEqual([ARCHITECTURES[type]])
    expect(readFileSync(join(back, "model.safetensors")).equals(readFileSync(join(folder, "model.safetensors")))).toBe(
      true,
    )
  })
})

describe("pictures", () => {
  const processor = (changes: Json = {}) => imageProcessorOf(authorsConfig("llava_qwen", changes))!
  const pixelsOf = async (changes: Json, image: RgbImage, options: PictureOptions): Promise<Float32Array> =>
    ((await processor(changes).prepare(image, options)) as TiledImage).pixelValues
  const size = { width: 30, height: 9 }

  it("are a copy of the whole and a grid of tiles, each line with a newline; in the authors' training the copy alone", async () => {
    // On 24 × 8 pixels 4 rows of 12 features, of which as many are kept as show the picture.
    expect(processor().pieces(size)).toEqual([PER_TILE + 4 * 13])
    expect(processor().pieces(size, { wholeOnly: true })).toEqual([PER_TILE + 1])
    const all = await pixelsOf({}, picture(30, 9), {})
    expect(all.length).toBe(4 * 3 * SIDE ** 2)
    expect(await pixelsOf({}, picture(30, 9), { wholeOnly: true })).toEqual(all.slice(0, 3 * SIDE ** 2))
  })

  it("of which there are several are each one tile, on a square canvas", async () => {
    expect(processor().pieces(size, { among: 2 })).toEqual([PER_TILE + 1])
    const among = await pixelsOf({}, picture(30, 9), { among: 2 })
    expect(await pixelsOf({ image_aspect_ratio: "pad" }, picture(30, 9), {})).toEqual(among)
    expect(await pixelsOf({ image_aspect_ratio: "square" }, picture(30, 9), {})).not.toEqual(among)
  })

  it("of the first stage are 16 rows without a newline, which the model then has no weight for", () => {
    const flat = { mm_patch_merge_type: "flat", image_aspect_ratio: "square" }
    expect(processor(flat).pieces(size)).toEqual([PER_TILE])
    expect(expectedTensors(authorsConfig("llava_qwen", flat)).has("model.image_newline")).toBe(false)
  })

  it("take their rows in the prompt without marks around them, one slot each", async () => {
    await save(folder, "diffusionvl_qwen")
    const session = loadSession(folder, { dtype: "float32", device: "cpu" })
    const two: Message[] = [
      {
        role: "user",
        content: [{ type: "image" }, { type: "text", text: " " }, { type: "image" }, { type: "text", text: "\nSame?" }],
      },
    ]
    const { ids, features } = await preparePrompt(session, two, [picture(30, 9), picture(9, 9)])
    expect(features!.map(({ shape }) => shape[0])).toEqual([PER_TILE + 1, PER_TILE + 1])
    const text = [...ids]
      .filter((id) => id >= 0)
      .map((id) => session.tokenizer.token(id))
      .join("")
    expect(text).toContain("user\n \nSame?<|im_end|>")
    expect([...ids].filter((id) => id < 0)).toHaveLength(2 * (PER_TILE + 1))
    await expect(preparePrompt(session, two, [picture(30, 9)])).rejects.toThrow(
      "the messages show 2 images, but 1 was given",
    )
  })

  it("in training are all tiles, or the copy of the whole alone as the authors' recipe has it (Q1)", async () => {
    await save(folder, "llava_qwen")
    const pixels = picture(30, 9)
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
    await save(folder, "llava_llada_bd3lm")
    const session = loadSession(folder, { dtype: "float32", device: "cpu" })
    const [kept, lost] = [false, true].map((dropAfterImage) =>
      encodePrompt(question, session.tokenizer, session.format, { dropAfterImage }),
    )
    const at = kept.indexOf(IMAGE)
    expect([...lost]).toEqual([...kept.slice(0, at + 1), ...kept.slice(at + 2)])
    const lengths = await Promise.all(
      [false, true].map(
        async (dropAfterImage) =>
          (await preparePrompt(session, question, [picture(9, 9)], { dropAfterImage })).ids.length,
      ),
    )
    expect(lengths[0] - lengths[1]).toBe(1)
    const other = join(folder, "qwen")
    mkdirSync(other)
    await save(other, "llava_qwen")
    const qwen = loadSession(other, { dtype: "float32", device: "cpu" })
    await expect(preparePrompt(qwen, question, [picture(9, 9)], { dropAfterImage: true })).rejects.toThrow(
      "only prompts of LLaDA's models lose the token behind an image",
    )
  })
})

describe("a folder in parts", () => {
  /** The language model in safetensors, the tower in a folder beside, the connector of stage 1 as torch saved it. */
  async function writeParts(
    changes: Json = {},
  ): Promise<{ model: string; tower: string; weights: Map<string, Tensor> }> {
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
    const image = await imageProcessorOf(loaded.config)!.prepare(picture(12, 10))
    const [before, after] = [loaded, again].map((model) => noGrad(() => model.encodeImages([image])[0]))
    expect(after.sub(before).abs().max().item()).toBe(0)
    expect(existsSync(join(whole, "mm_projector.bin"))).toBe(false)
  })

  it("says which part is nowhere", async () => {
    const { model, tower } = await writeParts()
    rmSync(join(model, "mm_projector.bin"))
    expect(thrown(() => readCheckpoint(model))).toMatch(
      /no connector, and there is no mm_projector\.safetensors or mm_projector\.bin/,
    )
    rmSync(tower, { recursive: true })
    expect(thrown(() => readConfig(model))).toMatch(/mm_vision_tower is siglip: there is no such tower here/)
    writeFileSync(join(model, "config.json"), JSON.stringify(authorsJson("llava_qwen", { mm_vision_tower: undefined })))
    expect(thrown(() => readConfig(model))).toMatch(/mm_vision_tower is nothing/)
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
    expect(thrown(() => readCheckpoint(model))).toMatch(reason)
  })

  it("a connector of another width is refused by name", async () => {
    const { model } = await writeParts()
    const shapes = { "0.weight": [24, 8], "0.bias": [24], "2.weight": [16, 24], "2.bias": [16] }
    const entries = Object.entries(shapes).map(([name, shape]) => [`mm_projector.${name}`, zeros(shape)] as const)
    await writeTensorFile(join(model, "mm_projector.safetensors"), tensorEntries(new Map(entries)))
    expect(thrown(() => readCheckpoint(model))).toMatch(
      /3 tensors of the wrong kind: model\.mm_projector\.0\.weight is \[24, 8\], not \[16, 8\]/,
    )
  })

  it("a tower of another size is refused, whole or in parts", async () => {
    const { model, tower } = await writeParts()
    await writeSiglip(tower, { hidden_size: 12, num_attention_heads: 2 })
    expect(thrown(() => readCheckpoint(model))).toMatch(
      /mm_hidden_size is 8, but the tower's features have 12 channels/,
    )
    // Of another resolution: the positions do not fit those in the model's own weights.
    await writeSiglip(tower, { image_size: 12 })
    const whole = join(folder, "whole")
    await save(whole, "llava_qwen")
    writeFileSync(
      join(whole, "config.json"),
      JSON.stringify(authorsJson("llava_qwen", { image_grid_pinpoints: "(1x1),...,(2x2)" })),
    )
    expect(thrown(() => readCheckpoint(whole))).toMatch(/position_embedding\.weight is \[16, 8\], not \[36, 8\]/)
  })

  it("a pickle that would run something is refused, and nothing is run", async () => {
    const { model } = await writeParts()
    copyFileSync(resolve(import.meta.dirname, "fixtures/pickle/evil.bin"), join(model, "mm_projector.bin"))
    expect(thrown(() => readCheckpoint(model))).toMatch(/it holds a posix\.system/)
  })
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
    await save(folder, "llava_qwen")
    writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(settings))
    const load = () => loadSession(folder, { dtype: "float32", device: "cpu" })
    if (reason) expect(thrown(load)).toMatch(reason)
    else expect(load().images!.pieces({ width: SIDE, height: SIDE })).toEqual([PER_TILE + 4 * 5])
  })
})
