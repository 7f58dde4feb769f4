/** What all objectives take and return. */

import type { ImageInput, LanguageModel } from "../models/types.js"
import type { AttentionPattern } from "../nn/attention-pattern.js"
import type { SequenceLayout } from "../text/layout.js"
import type { Tensor } from "../torch/index.js"
import { int64 } from "./prompt.js"
import type { InputRows, RowSources } from "./rows.js"

export interface TrainingSample extends SequenceLayout {
  /** For each entry of `images`, which image of the batch it shows: questions about one picture share its features. */
  imageIndices: readonly number[]
  /** M-RoPE positions [3][rows]; 0, 1, 2, … if not given. */
  positions?: InputRows["positions"]
  /** Where the sample comes from, for errors. */
  where: string
}

export interface TrainingBatch {
  samples: readonly TrainingSample[]
  images: readonly ImageInput[]
}

export interface Objective {
  /** A scalar to go backward from: 0 when the batch has nothing to learn. */
  loss: Tensor
  /** Unweighted cross entropy of every predicted token, [n], without history. */
  tokenCrossEntropy: Tensor
  /** How many of these tokens each sample has, in order. */
  tokensPerSample: readonly number[]
  /** Numbers for the log. */
  metrics: Record<string, number>
}

/** A sample with its images' features. */
export function inputRows(sample: TrainingSample, features: readonly Tensor[]): InputRows {
  return { ...sample, features: sample.imageIndices.map((image) => features[image]) }
}

/** The rows of one sample that go through the model. */
export interface SelectedRows {
  /** Sources (rows.ts) of all positions of the sample. */
  sources: Int32Array
  /** M-RoPE positions [3][all positions]. */
  axes?: InputRows["positions"]
  /** Position in the sample of each row. */
  positions: ArrayLike<number>
  /** Shown instead of a row's own token or image row, by row. */
  replacement?: (row: number) => number | undefined
  pattern: AttentionPattern
  /** Rows whose hidden states are wanted, ascending. */
  outputRows: Int32Array
}

/** Hidden states [output rows, H], sample by sample. Shorter samples are padded behind their pattern. */
export function forwardSelected(model: LanguageModel, samples: readonly SelectedRows[], sources: RowSources): Tensor {
  const rows = Math.max(...samples.map(({ positions }) => positions.length))
  const batch = samples.length
  const axes = samples.some((sample) => sample.axes) ? 3 : 1
  const rowSources = new Int32Array(batch * rows)
  const positions = new Int32Array(axes * batch * rows)
  samples.forEach((sample, b) => {
    for (let row = 0; row < rows; row++) {
      const at = b * rows + row
      // Padding rows hold any token: nobody sees them.
      const position = sample.positions[row] ?? sample.positions[0]
      rowSources[at] = sample.replacement?.(row) ?? sample.sources[position]
      for (let axis = 0; axis < axes; axis++)
        positions[axis * batch * rows + at] = sample.axes?.[axis][position] ?? position
    }
  })
  const embeddings = sources.embed(rowSources)
  return model.forward({
    embeddings: embeddings.view(batch, rows, model.hiddenSize),
    positions: int64(positions, embeddings.device, axes === 3 ? [3, batch, rows] : [batch, rows]),
    patterns: samples.map(({ pattern }) => pattern),
    outputRows: samples.map(({ outputRows }) => outputRows),
  })
}
