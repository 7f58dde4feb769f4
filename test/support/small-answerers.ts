/** Two folders of one random model with a tokenizer of its own: autoregressive, and translated without training. */

import { join } from "node:path"
import { trainTokenizer, writeTokenizer } from "../../examples/emoji/bpe.js"
import { writeJson } from "../../src/checkpoint/files.js"
import { initialiseWeights } from "../../src/models/registry.js"
import { saveModel } from "../../src/models/save.js"
import type { Tensor } from "../../src/torch/index.js"
import { asDiffusion } from "./as-diffusion.js"
import { tinyConfig } from "./tiny-model.js"

export interface SmallAnswerers {
  autoregressive: string
  "block-diffusion": string
}

/** @param change of the weights before they are saved */
export async function writeSmallAnswerers(
  root: string,
  change: (weights: Map<string, Tensor>) => void = () => {},
): Promise<SmallAnswerers> {
  const folders = { autoregressive: join(root, "ar"), "block-diffusion": join(root, "bd") }
  const tokenizer = trainTokenizer(["What is it? 这是什么 🐕🐕"], 280)
  const { ids, rows } = tokenizer
  const config = {
    ...tinyConfig,
    text: {
      ...tinyConfig.text,
      heads: 2,
      kvHeads: 1,
      headDim: 8,
      mropeSection: [2, 1, 1] as [number, number, number],
      vocabSize: rows,
    },
    tokens: {
      eos: [ids["<|im_end|>"]],
      imagePad: ids["<|image_pad|>"],
      videoPad: ids["<|video_pad|>"],
      visionStart: ids["<|vision_start|>"],
      visionEnd: ids["<|vision_end|>"],
      mask: ids.mask,
    },
  }
  const parameters = initialiseWeights(config, 4, { std: 0.35, embeddingStd: 1 })
  change(parameters)
  const models = [config, asDiffusion(config, { record: { block_size: 4 }, image: config.image })]
  for (const [i, folder] of Object.values(folders).entries()) {
    await saveModel(folder, { config: models[i], parameters })
    await writeTokenizer(folder, tokenizer)
  }
  await writeJson(join(folders.autoregressive, "generation_config.json"), {
    eos_token_id: [ids["<|im_end|>"], ids["<|endoftext|>"]],
  })
  return folders
}
