/** A configuration small enough for tests to compute in float64. */

import type { ModelConfig } from "../../src/checkpoint/config.js"

export function tinyConfig(): ModelConfig {
  return {
    modelType: "qwen2_5_vl",
    text: {
      hiddenSize: 24,
      intermediateSize: 40,
      layers: 3,
      heads: 4,
      kvHeads: 2,
      // Not hiddenSize / heads: nothing may assume that.
      headDim: 8,
      vocabSize: 60,
      tie: true,
      rmsNormEps: 1e-6,
      ropeTheta: 1e4,
      mropeSection: [2, 1, 1],
      maxPositions: 512,
    },
    vision: {
      depth: 2,
      hiddenSize: 16,
      heads: 2,
      intermediateSize: 24,
      patchSize: 14,
      temporalPatchSize: 2,
      mergeSize: 2,
      windowSize: 56,
      fullAttentionBlocks: [1],
      outHiddenSize: 24,
      inChannels: 3,
      tokensPerSecond: 2,
      rmsNormEps: 1e-6,
    },
    tokens: { eos: 1, imagePad: 2, videoPad: 3, visionStart: 4, visionEnd: 5, mask: 6 },
    image: { minPixels: 784, maxPixels: 78400 },
    raw: {},
  }
}
