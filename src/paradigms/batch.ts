/** What all objectives take and return. */

import type { ImageInput, LanguageModel } from "../models/types.js"
import { type AttentionPattern, sideBySide } from "../nn/attention-pattern.js"
import type { SequenceLayout } from "../text/layout.js"
import type { Tensor } from "../torch/index.js"
import { firstFit } from "./packing.js"
import { int64 } from "./prompt.js"
import type { EmbeddingSources, SequenceInput } from "./sequence-input.js"

/** Its images are those of the batch: questions about one picture share its features. */
export interface TrainingSample extends SequenceLayout {
  /** M-RoPE positions [3][rows]; 0, 1, 2, … if not given. */
  positions?: SequenceInput["positions"]
  /** Where the sample comes from, for errors. */
  where: string
}

export interface TrainingBatch {
  samples: readonly TrainingSample[]
  images: readonly ImageInput[]
}

/**
 * What a loss is a mean over. samples: each counts the same, however long its answer (the authors). tokens: every token
 * to learn counts the same, in whatever sample.
 */
export type LossUnit = "samples" | "tokens"

/** The loss is `sum / count`; over several batches or machines it is the sum of the sums over the sum of the counts. */
export interface Objective {
  /** A scalar to go backward from: 0 when the batch has nothing to learn. */
  sum: Tensor
  /** Samples, or tokens that are learned, hidden or not. */
  count: number
  /** Unweighted cross entropy of every predicted token, [n], without history. */
  tokenCrossEntropy: Tensor
  /** How many of these tokens each sample has, in order. */
  tokensPerSample: readonly number[]
  /** Numbers for the log. */
  metrics: Record<string, number>
}

/** The loss of one batch by itself. */
export const meanLoss = ({ sum, count }: Pick<Objective, "sum" | "count">): Tensor =>
  count === 0 ? sum : sum.div(count)

/** A sample with its images' features. */
export function inputOf(sample: TrainingSample, features: readonly Tensor[]): SequenceInput {
  return { ...sample, features }
}

/** The rows of one sample that go through the model. */
export interface SelectedPositions {
  /** Sources (sequence-input.ts) of all positions of the sample. */
  sources: Int32Array
  /** M-RoPE positions [3][all positions]. */
  axes?: SequenceInput["positions"]
  /** Position in the sample of each row. */
  positions: ArrayLike<number>
  /** Shown instead of a row's own token or image row, by row. */
  replacement?: (row: number) => number | undefined
  pattern: AttentionPattern
  /** Rows whose hidden states are wanted, ascending. */
  outputPositions: Int32Array
}

/** Samples up to this long share rows of the batch whenever two fit into one. */
const PACKED_ROWS = 256
/** Longer ones do where so much of the batch would be padding: kernels for whole sequences are worth less than that. */
const MOST_PADDING = 1 / 3

/** Which samples share a row of the batch. */
function packed(lengths: readonly number[]): number[][] {
  const longest = Math.max(...lengths)
  const packs = firstFit(lengths, longest)
  const isWorthIt = longest <= PACKED_ROWS || packs.length <= (1 - MOST_PADDING) * lengths.length
  return isWorthIt ? packs : lengths.map((_, sample) => [sample])
}

/** Hidden states [output rows, H], sample by sample. */
export function forwardSelected(
  model: LanguageModel,
  samples: readonly SelectedPositions[],
  sources: EmbeddingSources,
): Tensor {
  const lengths = samples.map(({ positions }) => positions.length)
  const rows = Math.max(...lengths)
  const packs = packed(lengths)
  const batch = packs.length
  const axes = samples.some((sample) => sample.axes) ? 3 : 1
  // What is not filled in is padding behind a pattern: any token, and nobody sees it.
  const rowSources = new Int32Array(batch * rows)
  const positions = new Int32Array(axes * batch * rows)
  const outputPositions = packs.map((pack, b) => {
    let first = 0
    return Int32Array.from(
      pack.flatMap((index) => {
        const sample = samples[index]
        const start = first
        for (let row = 0; row < lengths[index]; row++) {
          const at = b * rows + start + row
          const position = sample.positions[row]
          rowSources[at] = sample.replacement?.(row) ?? sample.sources[position]
          for (let axis = 0; axis < axes; axis++)
            positions[axis * batch * rows + at] = sample.axes?.[axis][position] ?? position
        }
        first += lengths[index]
        return Array.from(sample.outputPositions, (row) => start + row)
      }),
    )
  })
  const embeddings = sources.embed(rowSources)
  const hidden = model.forward({
    embeddings: embeddings.view(batch, rows, -1),
    positions: int64(positions, embeddings.device, axes === 3 ? [3, batch, rows] : [batch, rows]),
    patterns: packs.map((pack) => sideBySide(pack.map((index) => samples[index].pattern))),
    outputPositions,
  })
  return inSampleOrder(hidden, packs.flat(), samples)
}

/** @param hidden rows of the samples in the order `order` */
function inSampleOrder(hidden: Tensor, order: readonly number[], samples: readonly SelectedPositions[]): Tensor {
  if (order.every((sample, i) => sample === i)) return hidden
  const first: number[] = []
  let at = 0
  for (const sample of order) {
    first[sample] = at
    at += samples[sample].outputPositions.length
  }
  const places = samples.flatMap(({ outputPositions }, sample) =>
    Array.from(outputPositions, (_, i) => first[sample] + i),
  )
  return hidden.indexSelect(0, int64(places, hidden.device))
}
