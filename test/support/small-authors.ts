/** Tiny models of the authors' kinds that see: a language model, a SigLIP of 8 × 8 pixels, an MLP; in folders, whole or in parts. */

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ModelConfig } from "../../src/checkpoint/config.js"
import type { Json } from "../../src/checkpoint/json.js"
import { writeTensors } from "../../src/checkpoint/safetensors/safetensors.js"
import type { RgbImage } from "../../src/image/rgb.js"
import { normaliseConfig } from "../../src/models/read-config.js"
import { initialiseWeights } from "../../src/models/registry.js"
import { saveModel, tensorEntries } from "../../src/models/save.js"
import { towerConfigIn } from "../../src/models/towers/folder.js"
import { buildTower } from "../../src/models/towers/registry.js"
import { RecordingWeights } from "../../src/models/weight-source.js"
import type { Message } from "../../src/text/message.js"
import { Generator, randn, type Tensor } from "../../src/torch/index.js"
import { SMALL_FAMILIES } from "./small-families.js"

export const SIDE = 8
const PATCH = 2
/** Features of a tile. */
export const PER_TILE = (SIDE / PATCH) ** 2

export const SIGLIP: Json = {
  model_type: "siglip_vision_model",
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  image_size: SIDE,
  patch_size: PATCH,
  vision_use_head: false,
}

/** The authors' four, with the family of their language model. */
export const AUTHORS_TYPES = {
  llava_qwen: "qwen2",
  diffusionvl_qwen: "qwen2",
  llava_llada: "llada",
  llava_llada_bd3lm: "llada",
} as const
export type AuthorsType = keyof typeof AUTHORS_TYPES

/** Marks of the conversations, as the tokenizers of the two have them. */
const MARKS = {
  qwen2: ["<|im_start|>", "<|im_end|>"],
  llada: ["<|startoftext|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
}
const LETTERS = ["\n", ...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))]
const VOCABULARY = 110
export const MASK = VOCABULARY - 1

/** config.json as the authors' programs write it, in small. */
export function authorsJson(type: AuthorsType, changes: Json = {}): Json {
  const language = AUTHORS_TYPES[type]
  return {
    ...SMALL_FAMILIES[language],
    use_sliding_window: false,
    tie_word_embeddings: false,
    model_type: type,
    vocab_size: VOCABULARY,
    max_position_embeddings: 1024,
    bos_token_id: undefined,
    eos_token_id: LETTERS.length + MARKS[language].length - 1,
    mask_token_id: MASK,
    mm_vision_tower: "siglip",
    mm_projector_type: "mlp2x_gelu",
    mm_hidden_size: 8,
    mm_vision_select_layer: -2,
    mm_vision_select_feature: "patch",
    mm_patch_merge_type: "spatial_unpad",
    image_aspect_ratio: "anyres_max_4",
    image_grid_pinpoints: "(1x1),...,(3x3)",
    mm_use_im_start_end: false,
    mm_use_im_patch_token: false,
    ...(type.match(/diffusionvl|bd3lm/) && { enable_bd3lm: true, bd3lm_block_size: 4 }),
    ...changes,
  }
}

/** The same with its tower described in it. */
export const authorsConfig = (type: AuthorsType, changes: Json = {}): ModelConfig =>
  normaliseConfig(authorsJson(type, { vision_config: SIGLIP, ...changes }))

/** tokenizer.json of letters, one token each, with the marks that the model's conversations need. */
export function lettersJson(type: AuthorsType): Json {
  const marks = MARKS[AUTHORS_TYPES[type]]
  const added = marks.map((content, i) => ({ id: LETTERS.length + i, content, special: true }))
  const vocab = Object.fromEntries(LETTERS.map((letter, i) => [letter, i]))
  return { added_tokens: added, model: { type: "BPE", vocab, merges: [] } }
}

export function writeLetters(folder: string, type: AuthorsType): void {
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(lettersJson(type)))
}

/** The folder of a SigLIP alone, as transformers saves it. */
export async function writeSiglip(folder: string, changes: Json = {}): Promise<Map<string, Tensor>> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...SIGLIP, ...changes }))
  const recording = new RecordingWeights()
  buildTower(towerConfigIn(folder), { layers: [-1], skipFirst: false, postNorm: false }, recording, "float32")
  const generator = new Generator(3)
  const weights = new Map(
    [...recording.shapes].map(([name, shape]) => [name, randn([...shape], { generator }).mul_(0.3)]),
  )
  await writeTensors(folder, tensorEntries(weights))
  return weights
}

/** @returns the weights of a model, the same each time */
export const weightsOf = (config: ModelConfig, trainable = false): Map<string, Tensor> =>
  initialiseWeights(config, 7, { std: 0.3, embeddingStd: 1, trainable })

/** A whole model in a folder. */
export async function saveAuthors(folder: string, type: AuthorsType, config = authorsConfig(type)): Promise<void> {
  await saveModel(folder, { config, parameters: weightsOf(config) })
  writeLetters(folder, type)
}

export const patterned = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i * 7 + 31 * i) % 256),
})

export const WHAT_IS_IT: Message[] = [
  { role: "user", content: [{ type: "image" }, { type: "text", text: "\nWhat is it?" }] },
]
