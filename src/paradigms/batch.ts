/** A batch of laid-out sequences, and the embedding of any selection of their rows. Shared by all objectives. */

import type { ImageInput, LanguageModel } from "../models/types.js"
import { IMAGE } from "../text/conversation.js"
import type { SequenceLayout } from "../text/layout.js"
import { cat, type Tensor, tensor } from "../torch/index.js"

export interface TrainingSample extends SequenceLayout {
  /** For each entry of `images`, which image of the batch it shows: questions about one picture share its features. */
  imageIndices: readonly number[]
  /** M-RoPE positions [3][rows]; 0, 1, 2, … if not given. */
  positions?: readonly [Int32Array, Int32Array, Int32Array]
  /** Where the sample comes from, for errors. */
  where: string
}

export interface TrainingBatch {
  samples: readonly TrainingSample[]
  images: readonly ImageInput[]
}

/** A row of the model's input: position `row` of a sample, shown as it is or as another token. */
export interface InputRow {
  row: number
  /** Instead of the row's own token. */
  token?: number
}

/**
 * Embeds lists of rows, one list per sample, as [B, R, H]; shorter lists are padded with row 0 of the table.
 * Every distinct token is looked up once, every image row is taken from the image's features.
 * @param features of the batch's images, [tokens, H] each
 */
export function embedRows(model: LanguageModel, samples: readonly TrainingSample[], rows: readonly (readonly InputRow[])[], features: readonly Tensor[]): Tensor {
  const tokens = new Map<number, number>()
  const perSample = Math.max(...rows.map((list) => list.length))
  const index = new BigInt64Array(samples.length * perSample)
  const imagePlaces: [place: number, image: number, offset: number][] = []
  samples.forEach((sample, s) => {
    const imageOf = imageRowLookup(sample)
    rows[s].forEach(({ row, token }, i) => {
      const place = s * perSample + i
      const id = token ?? sample.ids[row]
      if (id === IMAGE) {
        const { image, offset } = imageOf(row)
        imagePlaces.push([place, image, offset])
        return
      }
      let at = tokens.get(id)
      if (at === undefined) tokens.set(id, (at = tokens.size))
      index[place] = BigInt(at)
    })
  })
  const starts: number[] = []
  let next = tokens.size
  for (const image of features) {
    starts.push(next)
    next += image.shape[0]
  }
  for (const [place, image, offset] of imagePlaces) index[place] = BigInt(starts[image] + offset)
  const embedded = model.embed(Int32Array.from(tokens.keys()))
  const table = features.length > 0 ? cat([embedded, ...features.map((f) => f.to(embedded.dtype))]) : embedded
  return table.indexSelect(0, tensor(index).to({ device: table.device })).view(samples.length, perSample, -1)
}

function imageRowLookup(sample: TrainingSample): (row: number) => { image: number; offset: number } {
  return (row) => {
    const slot = sample.images.findIndex(({ start, count }) => row >= start && row < start + count)
    return { image: sample.imageIndices[slot], offset: row - sample.images[slot].start }
  }
}

/** Positions of the selected rows as int64 [B, R], or [3, B, R] when any sample has M-RoPE positions. */
export function rowPositions(samples: readonly TrainingSample[], rows: readonly (readonly InputRow[])[]): Tensor {
  const perSample = Math.max(...rows.map((list) => list.length))
  const axes = samples.some((sample) => sample.positions) ? 3 : 1
  const out = new BigInt64Array(axes * samples.length * perSample)
  for (let axis = 0; axis < axes; axis++) {
    samples.forEach((sample, s) => {
      const positions = sample.positions?.[axis]
      rows[s].forEach(({ row }, i) => {
        out[(axis * samples.length + s) * perSample + i] = BigInt(positions ? positions[row] : row)
      })
    })
  }
  return tensor(out, axes === 3 ? [3, samples.length, perSample] : [samples.length, perSample])
}

/** What an objective returns: the loss, or null when the batch has nothing to learn. */
export interface Objective {
  loss: Tensor | null
  /** Numbers for the log. */
  metrics: Record<string, number>
}
