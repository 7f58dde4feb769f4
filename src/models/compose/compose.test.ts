/** A language model, a tower and a connector become a model that sees, in memory and in a folder. */

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { imagePath } from "../../../test/support/images.js"
import { SMALL_FAMILIES } from "../../../test/support/small-families.js"
import { type SmallTextModel, writeSmallLanguage, writeSmallTextModel } from "../../../test/support/small-text-model.js"
import { writeSmallTower } from "../../../test/support/small-towers.js"
import { decodeImage } from "../../image/decode.js"
import { Tokenizer } from "../../text/tokenizer.js"
import type { Tensor } from "../../torch/index.js"
import { chatFormatOf } from "../chat-format.js"
import { readCheckpoint } from "../checkpoint.js"
import { imageProcessorOf } from "../images.js"
import { loadCheckpoint, loadModel } from "../load.js"
import { normaliseConfig } from "../read-config.js"
import { initialiseWeights } from "../registry.js"
import { saveModel } from "../save.js"
import { requireConfigTokens } from "../token-ids.js"
import { type ComposeOptions, composeModel } from "./compose.js"
import { saveComposed, saveParts } from "./save-composed.js"

const root = mkdtempSync(join(tmpdir(), "compose-"))
let llama: SmallTextModel
const towers = {} as Record<"siglip" | "clip" | "conv", string>
beforeAll(async () => {
  llama = await writeSmallTextModel(root)
  rename(llama.folder, "<|image_pad|>", "<tool_call>")
  for (const kind of ["siglip", "clip", "conv"] as const) towers[kind] = await writeSmallTower(join(root, kind), kind)
})
afterAll(() => rmSync(root, { recursive: true }))

/** An added token gets another name. */
function rename(folder: string, from: string, to: string): void {
  const file = join(folder, "tokenizer.json")
  const definition = JSON.parse(readFileSync(file, "utf8"))
  definition.added_tokens.find(({ content }: { content: string }) => content === from).content = to
  writeFileSync(file, JSON.stringify(definition))
}

const picture = () => decodeImage(readFileSync(imagePath("rgb.png")))

/** Rows of a picture, and the logits behind a prompt with it. */
async function seen(loaded: ReturnType<typeof loadCheckpoint>, folder: string) {
  const { model, checkpoint } = loaded
  const images = imageProcessorOf(checkpoint.config, folder)!
  return model.encodeImages([await images.prepare(await picture())])[0]
}

const values = (tensor: Tensor): number[] => [...(tensor.toArray() as Float32Array)]

describe.each<
  [name: string, options: (folders: typeof towers) => Partial<ComposeOptions> & { tower: string }, rows: number]
>([
  ["SigLIP, LLaVA's connector", ({ siglip }) => ({ tower: siglip }), 16],
  ["CLIP, three layers", ({ clip }) => ({ tower: clip, connector: "mlp3x_gelu" }), 16],
  ["a convolutional network, one layer", ({ conv }) => ({ tower: conv, connector: "linear" }), 16],
  ["SigLIP, pixel shuffle", ({ siglip }) => ({ tower: siglip, connector: "pixel_shuffle" }), 4],
])("%s", (name, options, rows) => {
  it("is in memory what it is in its folder", async () => {
    const composed = composeModel({ language: llama.folder, ...options(towers) })
    const folder = join(root, `whole ${name}`)
    await saveComposed(folder, composed)
    const saved = loadModel(folder, { dtype: "float32" })
    const before = await seen(loadCheckpoint(composed.checkpoint, { dtype: "float32" }), folder)
    const after = await seen(saved, folder)
    expect(before.shape).toEqual([rows, 32])
    expect(values(after)).toEqual(values(before))
    expect(before.abs().max().item()).toBeGreaterThan(0)

    // Language model and tower are the given ones.
    const { tensors: language } = readCheckpoint(llama.folder)
    const whole = saved.model.parameters()
    const given = loadModel(llama.folder, { dtype: "float32" }).model.parameters()
    for (const weight of language.keys()) {
      const rowsOf = given.get(weight)!
      expect(values(whole.get(weight)!.narrow(0, 0, rowsOf.shape[0]))).toEqual(values(rowsOf))
    }

    const tokenizer = Tokenizer.load(folder)
    requireConfigTokens(saved.checkpoint.config, tokenizer, folder)
    const image = tokenizer.require("<image>")
    expect(image).toBe(llama.vocabulary)
    expect(saved.checkpoint.config).toMatchObject({ tokens: { imagePad: image }, text: { vocabSize: image + 1 } })
    const format = chatFormatOf(saved.checkpoint.config, folder, tokenizer)
    const prompt = (format as Exclude<typeof format, string>).prompt([
      { role: "user", content: [{ type: "image" }, { type: "text", text: "\nWhat colour is this?" }] },
    ])
    expect(
      tokenizer.decode(
        [...prompt].filter((id) => id >= 0),
        { skipSpecial: false },
      ),
    ).toBe("<|im_start|>user\n\nWhat colour is this?<|im_end|>\n<|im_start|>assistant\n")
    expect([...prompt].filter((id) => id < 0)).toHaveLength(1)
  })
})

it("cuts pictures into tiles where it is asked to", async () => {
  const composed = composeModel({ language: llama.folder, tower: towers.siglip, anyres: 4 })
  const folder = join(root, "anyres")
  await saveComposed(folder, composed)
  const loaded = loadModel(folder, { dtype: "float32" })
  expect(loaded.checkpoint.config.family).toBe("llava_onevision")
  const images = imageProcessorOf(loaded.checkpoint.config, folder)!
  const rows = await seen(loaded, folder)
  expect(images.pieces(await picture()).reduce<number>((sum, piece) => sum + Number(piece), 0)).toBe(rows.shape[0])
  expect(rows.shape[0]).toBeGreaterThan(17)
})

it("takes a GGUF file, whose tokenizer it writes", async () => {
  const folder = join(root, "from gguf")
  await saveComposed(folder, composeModel({ language: llama.gguf, tower: towers.clip }))
  const [file, model] = [loadModel(folder, { dtype: "float32" }), loadModel(llama.folder, { dtype: "float32" })]
  const ids = Int32Array.of(1, 2, 3)
  expect(values(file.model.embed(ids))).toEqual(values(model.model.embed(ids)))
  expect(file.checkpoint.config.tokens.imagePad).toBe(Tokenizer.load(folder).require("<|image_pad|>"))
})

it.each(Object.keys(SMALL_FAMILIES))("takes a language model of the family %s", async (family) => {
  const language = join(root, `language ${family}`)
  const config = normaliseConfig(SMALL_FAMILIES[family])
  await saveModel(language, { config, parameters: initialiseWeights(config, 3) })
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) cpSync(join(llama.folder, name), join(language, name))
  const folder = join(root, `sees ${family}`)
  await saveComposed(folder, composeModel({ language, tower: towers.siglip }))
  const { checkpoint, model } = loadModel(folder, { dtype: "float32" })
  expect(checkpoint.config).toMatchObject({ family: "llava", language: family, paradigm: config.paradigm })
  const { tokens, text } = checkpoint.config
  expect(text).toMatchObject({ ...config.text, vocabSize: llama.vocabulary + 1 })
  expect(tokens).toMatchObject({ ...config.tokens, imagePad: llama.vocabulary })
  expect(model.embed(Int32Array.of(tokens.imagePad!)).shape).toEqual([1, 16])
})

it("takes LLaDA in the words it is published in", async () => {
  const language = join(root, "language published")
  const config = normaliseConfig({
    model_type: "llada",
    d_model: 16,
    n_layers: 2,
    n_heads: 4,
    n_kv_heads: 4,
    mlp_hidden_size: 24,
    vocab_size: 40,
    embedding_size: 48,
    max_sequence_length: 64,
    rope_theta: 5e5,
    eos_token_id: 2,
    mask_token_id: 47,
  })
  await saveModel(language, { config, parameters: initialiseWeights(config, 3) })
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) cpSync(join(llama.folder, name), join(language, name))
  const folder = join(root, "sees published")
  await saveComposed(folder, composeModel({ language, tower: towers.siglip }))
  const { checkpoint, model } = loadModel(folder, { dtype: "float32" })
  expect(checkpoint.config.text).toEqual({ ...config.text, vocabSize: llama.vocabulary + 1 })
  expect(checkpoint.config).toMatchObject({ paradigm: config.paradigm, tokens: { mask: 47 } })
  const rows = Int32Array.of(1, 46)
  expect(values(model.embed(rows))).toEqual(values(loadModel(language, { dtype: "float32" }).model.embed(rows)))
  // And once more, as a training saves it.
  const again = join(root, "published again")
  await saveModel(again, { config: checkpoint.config, parameters: model.parameters() })
  expect(readCheckpoint(again).config.text).toEqual(checkpoint.config.text)
})

it("takes a spare token where the tokenizer has one, and a named one", () => {
  const language = join(root, "with spares")
  cpSync(llama.folder, language, { recursive: true })
  rename(language, "<|endoftext|>", "<|reserved_special_token_0|>")
  const tower = towers.siglip
  const spare = Tokenizer.load(language).require("<|reserved_special_token_0|>")
  // It ends the texts of this model.
  expect(composeModel({ language, tower }).checkpoint.config.tokens.imagePad).toBe(llama.vocabulary)
  const config = JSON.parse(readFileSync(join(language, "config.json"), "utf8"))
  writeFileSync(join(language, "config.json"), JSON.stringify({ ...config, pad_token_id: undefined }))
  const { files, checkpoint } = composeModel({ language, tower })
  expect(checkpoint.config.tokens.imagePad).toBe(spare)
  expect(checkpoint.config.text.vocabSize).toBe(llama.vocabulary)
  expect(files.get("processor_config.json")).toMatchObject({ image_token: "<|reserved_special_token_0|>" })
  rename(language, "<|reserved_special_token_0|>", "<|picture|>")
  const padOf = (imageToken?: string): number | undefined =>
    composeModel({ language, tower, imageToken }).checkpoint.config.tokens.imagePad
  expect(padOf()).toBe(llama.vocabulary)
  expect(padOf("<|picture|>")).toBe(spare)
})

it("starts its connector from a seed", () => {
  const connector = (seed: number): number[] => {
    const { checkpoint } = composeModel({ language: llama.folder, tower: towers.siglip, seed })
    return values(
      loadCheckpoint(checkpoint, { dtype: "float32" }).model.parameters().get("model.mm_projector.0.weight")!,
    )
  }
  expect(connector(1)).toEqual(connector(1))
  expect(connector(1)).not.toEqual(connector(2))
})

describe("the authors' form", () => {
  const qwen2 = { ...SMALL_FAMILIES.qwen2, use_sliding_window: false, eos_token_id: 3, mask_token_id: undefined }
  it.each<[string, object, Partial<ComposeOptions>, object]>([
    ["Qwen2", qwen2, {}, { family: "llava_qwen", chat: "qwen_2_5" }],
    ["Qwen2, in tiles", qwen2, { anyres: 2, connector: "mlp3x_gelu" }, { family: "llava_qwen" }],
    ["LLaDA", SMALL_FAMILIES.llada, {}, { family: "llava_llada", chat: "llava_llada" }],
  ])("%s", async (name, json, options, expected) => {
    const language = await writeSmallLanguage(join(root, `authors ${name}`), llama, json)
    const composed = composeModel({ language, tower: towers.siglip, layout: "authors", ...options })
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
      expect(() => composeModel({ language, tower: towers.siglip, layout: "authors", ...options })).toThrow(sentence)
    refused({ language: llama.folder }, /there is no Llama model in the authors' form/)
    refused({ connector: "pixel_shuffle" }, /there is no connector pixel_shuffle in the authors' form/)
    refused({ imageToken: "<|im_start|>" }, /no token stands for pictures in the authors' form/)
    refused({ layer: -1 }, /SigLIP gives what its last layer but one makes/)
    refused({ layout: "llama.cpp" as never }, /there is no layout "llama.cpp" for a new model/)
  })
})

describe("the connector alone", () => {
  it("is a model folder, as long as the parts are there", async () => {
    const [language, tower] = [join(root, "moving language"), join(root, "moving tower")]
    cpSync(llama.folder, language, { recursive: true })
    cpSync(towers.clip, tower, { recursive: true })
    const composed = composeModel({ language, tower, anyres: 2 })
    const [parts, whole] = [join(root, "parts"), join(root, "as whole")]
    await saveParts(parts, composed)
    await saveComposed(whole, composed)
    expect(readdirSync(parts).filter((name) => name.endsWith(".safetensors"))).toEqual(["connector.safetensors"])
    const opened = loadModel(parts, { dtype: "float32" })
    const expected = loadModel(whole, { dtype: "float32" })
    expect(opened.checkpoint.config).toEqual(expected.checkpoint.config)
    for (const [name, weight] of expected.model.parameters())
      expect(values(opened.model.parameters().get(name)!), name).toEqual(values(weight))

    const later = composeModel({ language, tower, connectorFrom: parts, seed: 9 })
    const connector = "model.mm_projector.2.weight"
    expect(values(loadCheckpoint(later.checkpoint, { dtype: "float32" }).model.parameters().get(connector)!)).toEqual(
      values(expected.model.parameters().get(connector)!),
    )

    // Another tower of the same shape is not the one that the connector was made for.
    const weights = readFileSync(join(tower, "model.safetensors"))
    writeFileSync(join(tower, "model.safetensors"), Buffer.from(weights).fill(0x3c, weights.length - 4000))
    expect(() => loadModel(parts)).toThrow(/the connector was trained with another vision tower/)
    writeFileSync(join(tower, "model.safetensors"), weights)
    const file = join(parts, "parts.json")
    const record = JSON.parse(readFileSync(file, "utf8"))
    const damaged = (change: object, sentence: RegExp): void => {
      writeFileSync(file, JSON.stringify({ ...record, ...change }))
      expect(() => loadModel(parts)).toThrow(sentence)
    }
    damaged(
      { language: { ...record.language, folder: parts } },
      /is a connector with names of parts, no language model/,
    )
    damaged({ language: { ...record.language, folder: llama.folder, name: "x" }, tower: {} }, /tower\.name/)
    damaged({ language: { name: "x", folder: towers.siglip } }, /this is a vision tower \(SigLIP/)
    damaged({ tower: { name: "x", folder: towers.siglip } }, /connector, parts and config.json do not fit/)
    // Elsewhere, but downloaded from the hub there too.
    const commit = "c".repeat(40)
    const hub = join(root, "hub", "models--org--words")
    mkdirSync(join(hub, "refs"), { recursive: true })
    writeFileSync(join(hub, "refs", "main"), commit)
    cpSync(language, join(hub, "snapshots", commit), { recursive: true })
    vi.stubEnv("HF_HUB_CACHE", join(root, "hub"))
    const moved = { ...record.language, name: "org/words", folder: join(root, "gone") }
    writeFileSync(file, JSON.stringify({ ...record, language: moved }))
    expect(loadModel(parts, { dtype: "float32" }).checkpoint.config).toEqual(expected.checkpoint.config)
    vi.unstubAllEnvs()
    writeFileSync(file, JSON.stringify(record))
    rmSync(language, { recursive: true })
    expect(() => loadModel(parts)).toThrow(/the language model that the connector belongs to, .* is no longer at/)
  })
})

describe("refuses", () => {
  const refused = (options: Partial<ComposeOptions>, sentence: RegExp): void =>
    expect(() => composeModel({ language: llama.folder, tower: towers.siglip, ...options })).toThrow(sentence)

  it("what is no language model, or one that sees", async () => {
    refused({ language: join(root, "nowhere") }, /there is no such folder/)
    const folder = join(root, "sees already")
    await saveComposed(folder, composeModel({ language: llama.folder, tower: towers.siglip }))
    refused({ language: folder }, /it is a LLaVA-1.5 model, which sees already/)
    refused({ tower: folder }, /it is a whole model \(LLaVA-1.5\), no vision tower/)
    refused({ tower: llama.folder }, /it is a whole model \(Llama\), no vision tower/)
    refused({ tower: join(root, "nowhere") }, /there is no such folder/)
  })

  it("parts that do not fit", () => {
    refused({ connector: "pixel_shuffle3" }, /tower and connector do not fit together: pixel shuffle of 3 × 3/)
    refused({ connector: "resampler" }, /the connector is "resampler", which is no known connector/)
    refused({ layer: 9 }, /the tower gives 4 hidden states/)
    refused({ anyres: 0 }, /anyres is 0/)
    refused({ tower: towers.conv, layer: -2 }, /the tower gives its last hidden state alone/)
    refused({ imageToken: "<picture>" }, /the tokenizer has no token "<picture>" to stand for pictures/)
    refused({ imageToken: "<|im_end|>" }, /"<\|im_end\|>" cannot stand for pictures/)
    // No token of the configuration, but each message begins with it.
    refused({ imageToken: "<|im_start|>" }, /"<\|im_start\|>" cannot stand for pictures/)
  })

  it("a tower without settings of pictures, and a language model without a template, and writes nothing", async () => {
    const bare = join(root, "bare tower")
    cpSync(towers.siglip, bare, { recursive: true })
    rmSync(join(bare, "preprocessor_config.json"))
    refused({ tower: bare }, /the tower's folder has no preprocessor_config.json/)
    const { folder: language } = await writeSmallTextModel(join(root, "base"), null)
    refused({ language }, /the language model has no chat template/)
    const taken = join(root, "taken")
    cpSync(towers.conv, taken, { recursive: true })
    const names = readdirSync(taken)
    const composed = composeModel({ language: llama.folder, tower: towers.siglip })
    await expect(saveComposed(taken, composed)).rejects.toThrow(/exists already/)
    expect(readdirSync(taken)).toEqual(names)
    expect(existsSync(join(root, "nowhere"))).toBe(false)
  })
})
