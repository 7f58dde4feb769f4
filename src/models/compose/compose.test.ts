/** A language model, a tower and a connector become a model that sees, in memory and in a folder. */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { imagePath } from "../../../test/support/images.js"
import { SMALL_FAMILIES } from "../../../test/support/small-families.js"
import { type SmallTextModel, writeSmallTextModel } from "../../../test/support/small-text-model.js"
import { writeSmallTower } from "../../../test/support/small-towers.js"
import { decodeImage } from "../../image/decode.js"
import { Tokenizer } from "../../text/tokenizer/tokenizer.js"
import type { Tensor } from "../../torch/index.js"
import { chatFormatOf } from "../chat-format.js"
import { readCheckpoint } from "../checkpoint.js"
import { loadCheckpoint, loadModel } from "../load.js"
import { normaliseConfig } from "../read-config.js"
import { initialiseWeights } from "../registry.js"
import { saveModel } from "../save.js"
import { requireConfigTokens } from "../token-ids.js"
import { imageProcessorOf } from "../vision/images.js"
import { type ComposeOptions, composeModel } from "./compose.js"
import { saveComposed } from "./save-composed.js"

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
