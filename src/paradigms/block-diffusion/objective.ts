/**
 * The block-diffusion objective (paper, section 3.3, equations 5–7; reference behaviour 4.1–4.3): cross entropy of the
 * masked tokens of noised blocks that see the clean blocks before them, weighted by 1/t.
 *
 * Computed with only the rows that reach the loss (reference behaviour 8.1–8.6, exact): noised copies of blocks with a
 * masked token, clean copies of the blocks before the last of these, and logits of masked tokens.
 */

import type { VisionLanguageModel } from "../../models/types.js"
import { noisedOverClean } from "../../nn/attention-pattern.js"
import { IGNORE } from "../../text/conversation.js"
import { crossEntropy, type Tensor, tensor } from "../../torch/index.js"
import { embedRows, type InputRow, type Objective, rowPositions, type TrainingBatch } from "../batch.js"
import { maskedPositions, type NoiseSchedule, noiseLevels } from "./noise.js"

/**
 * Which hidden state predicts a masked token at position i.
 * same: that of row i itself (the authors).
 * next: that of row i−1, as in the autoregressive model the weights come from. Row i−1 is the noised copy when it lies in
 * the same block, and the clean copy when i starts a block; position 0 is never masked.
 */
export type TokenShift = "same" | "next"

export interface BlockDiffusionOptions {
  blockSize: number
  maskToken: number
  schedule?: NoiseSchedule
  shift?: TokenShift
  /** 1/t is the paper's weight of a block. */
  weight?: "1/t" | "one"
}

/** Uniform numbers in [0, 1). The objective draws u for all blocks first, then r for all positions. */
export type UniformSource = () => number

interface Row extends InputRow {
  /** The position this row predicts, if that position is masked. */
  predicts?: number
}

/** What is computed of one sample. */
interface Plan {
  rows: Row[]
  clean: number
  blocks: number[]
  masked: Int32Array
}

function plan(length: number, masked: Int32Array, { blockSize, maskToken, shift = "same" }: BlockDiffusionOptions): Plan {
  const blocks = [...new Set(Array.from(masked, (i) => Math.floor(i / blockSize)))]
  const clean = blocks.length > 0 ? blocks[blocks.length - 1] * blockSize : 0
  const isMasked = new Set(masked)
  // Row r predicts r, or r + 1 within its block; the first token of a block is predicted by the clean row before it.
  const ahead = shift === "next" ? 1 : 0
  const needed = new Set(blocks)
  const rows: Row[] = []
  for (let row = 0; row < clean; row++) {
    const first = row + 1
    const predicts = ahead && first % blockSize === 0 && isMasked.has(first) && needed.has(first / blockSize) ? first : undefined
    rows.push({ row, predicts })
  }
  for (const block of blocks) {
    const end = Math.min(length, (block + 1) * blockSize)
    for (let row = block * blockSize; row < end; row++) {
      const target = row + ahead
      rows.push({ row, token: isMasked.has(row) ? maskToken : undefined, predicts: target < end && isMasked.has(target) ? target : undefined })
    }
  }
  return { rows, clean, blocks, masked }
}

/**
 * loss = 1/B Σ_b 1/n_b Σ_{i masked} CE_i / t_i, with n_b the labelled positions of sample b (template and EOS padding
 * included).
 * @param uniform source of all randomness
 * @param features of the batch's images in the model's space; encoded here if not given
 */
export function blockDiffusionObjective(
  model: VisionLanguageModel,
  batch: TrainingBatch,
  options: BlockDiffusionOptions,
  uniform: UniformSource,
  features: readonly Tensor[] = model.encodeImages(batch.images),
): Objective & { tokenCrossEntropy?: Tensor } {
  const { blockSize, shift = "same", weight = "1/t", schedule } = options
  const { samples } = batch
  const length = Math.max(...samples.map((sample) => sample.ids.length))
  const blocksPerSample = Math.ceil(length / blockSize)
  const draw = (n: number): Float32Array => Float32Array.from({ length: n }, uniform)
  const u = draw(samples.length * blocksPerSample)
  const t = noiseLevels(u, schedule, schedule === "shuffled" ? draw(u.length) : undefined)
  const levelOf = (s: number, position: number): number => t[s * blocksPerSample + Math.floor(position / blockSize)]
  const plans = samples.map(({ labels }, s) => {
    const r = draw(length)
    const levels = t.subarray(s * blocksPerSample, (s + 1) * blocksPerSample)
    const masked = maskedPositions(labels, levels, r, blockSize)
    return plan(labels.length, shift === "next" ? masked.filter((i) => i > 0) : masked, options)
  })
  const used = plans.map((_, s) => s).filter((s) => plans[s].masked.length > 0)
  const maskedTokens = plans.reduce((sum, { masked }) => sum + masked.length, 0)
  const metrics = { maskedTokens, rows: plans.reduce((sum, { rows }) => sum + rows.length, 0) }
  if (used.length === 0) return { loss: null, metrics }

  const targets: number[] = []
  const weights: number[] = []
  const outputRows = used.map((s) => {
    const { labels } = samples[s]
    const labelled = labels.reduce((n, label) => n + (label === IGNORE ? 0 : 1), 0)
    const outputs: number[] = []
    plans[s].rows.forEach(({ predicts }, i) => {
      if (predicts === undefined) return
      outputs.push(i)
      targets.push(labels[predicts])
      weights.push((weight === "1/t" ? 1 / levelOf(s, predicts) : 1) / (samples.length * labelled))
    })
    return Int32Array.from(outputs)
  })
  const chosen = used.map((s) => samples[s])
  const rows = used.map((s) => plans[s].rows)
  const embeddings = embedRows(model, chosen, rows, features)
  const hidden = model.forward({
    embeddings,
    positions: rowPositions(chosen, rows).to({ device: embeddings.device }),
    patterns: used.map((s) => {
      const { clean, blocks } = plans[s]
      const lastBlockRows = Math.min(samples[s].ids.length, (blocks[blocks.length - 1] + 1) * blockSize) - blocks[blocks.length - 1] * blockSize
      return noisedOverClean({ cleanRows: clean, noisedBlocks: blocks, blockSize, lastBlockRows })
    }),
    outputRows,
  })
  const logits = model.logits(hidden).to("float32")
  const target = tensor(targets, undefined, { dtype: "int64" }).to({ device: logits.device })
  const tokenCrossEntropy = crossEntropy(logits, target, "none")
  const loss = tokenCrossEntropy.mul(tensor(weights).to({ device: logits.device })).sum()
  return { loss, metrics, tokenCrossEntropy }
}
