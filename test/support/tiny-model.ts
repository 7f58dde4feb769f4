/** A random Qwen2.5-VL-shaped model of a few thousand weights, in float64: for properties that should hold exactly. */

import { randomFrom } from "../../src/data/prng.js"
import type { Qwen25VL } from "../../src/models/families/qwen2_5_vl.js"
import type { QwenVlConfig } from "../../src/models/families/qwen2_5_vl-read.js"
import { type InitialiseOptions, newModel } from "../../src/models/registry.js"
import type { Prompt } from "../../src/paradigms/prompt.js"
import { Generator, randn } from "../../src/torch/index.js"

/** Ids with a meaning in the tiny model's vocabulary. */
export const EOS = 1
export const MASK = 6
export const VOCABULARY = 60

export const tinyConfig: QwenVlConfig = {
  family: "qwen2_5_vl",
  form: "qwen2_5_vl",
  chat: "qwen2_5_vl",
  paradigm: { name: "autoregressive", options: {} },
  text: {
    hiddenSize: 16,
    intermediateSize: 24,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 4,
    vocabSize: VOCABULARY,
    tie: false,
    rmsNormEps: 1e-6,
    biases: { qkv: true, output: false, mlp: false },
    ropeTheta: 1e4,
    mropeSection: [1, 1, 0],
    maxPositions: 512,
  },
  vision: {
    depth: 1,
    hiddenSize: 16,
    heads: 2,
    intermediateSize: 24,
    patchSize: 14,
    temporalPatchSize: 2,
    mergeSize: 2,
    windowSize: 56,
    fullAttentionBlocks: [0],
    outHiddenSize: 16,
    inChannels: 3,
    tokensPerSecond: 2,
    rmsNormEps: 1e-6,
  },
  tokens: { eos: [EOS], imagePad: 2, videoPad: 3, visionStart: 4, visionEnd: 5, mask: MASK },
  image: { minPixels: 784, maxPixels: 78400 },
  raw: {},
}

/** Weights large enough that attention and predictions are sharp. */
export function tinyModel(seed: number, options: InitialiseOptions = {}): Qwen25VL {
  return newModel(tinyConfig, seed, { std: 0.35, embeddingStd: 1, dtype: "float64", ...options }) as Qwen25VL
}

/** A prompt of random tokens; with a picture of three tokens where there is room for one. */
export function promptOf(length: number, seed: number): Prompt {
  const random = randomFrom(seed)
  const ids = Int32Array.from({ length }, () => 7 + Math.floor(random() * (VOCABULARY - 7)))
  if (length < 6) return { ids }
  ids.fill(-200, 2, 5)
  return { ids, features: [randn([3, 16], { generator: new Generator(seed), dtype: "float64" })] }
}
