/**
 * How much noise each block gets and which tokens it masks (paper, section 3.4; docs/reference.md, "Noise"). Plain
 * numbers.
 */

/**
 * ordered: antithetic levels in order, as the authors' code: t grows along the sequence and across the batch.
 * shuffled: the same levels, dealt to the blocks at random.
 * uniform: t ~ U(0, 1) for each block by itself, as the paper says.
 */
export type NoiseSchedule = "ordered" | "shuffled" | "uniform"

export interface NoiseOptions {
  /** @default "ordered" */
  schedule?: NoiseSchedule
  /** t lies in [epsMin, epsMax). @default 0.001 */
  epsMin?: number
  /** @default 1 */
  epsMax?: number
  /** Noised copies of each sequence: copy k of K gets levels from the k-th part of the range. @default 1 */
  copies?: number
}

const float = Math.fround

/**
 * Noise levels t of all blocks of a batch, in float32 as the reference computes them.
 * @param u uniforms, one per block, sequence by sequence, copy by copy
 * @param shuffle uniforms, one per block, that decide the dealing of `shuffled`
 */
export function noiseLevels(
  u: ArrayLike<number>,
  { schedule = "ordered", epsMin = 0.001, epsMax = 1, copies = 1 }: NoiseOptions = {},
  shuffle?: ArrayLike<number>,
): Float32Array {
  const n = u.length
  const scale = float(epsMax - epsMin)
  const levels = Float32Array.from({ length: n }, (_, k) => {
    const level =
      schedule === "uniform"
        ? float((float(u[k]) + Math.floor((k * copies) / n)) / copies)
        : float(float(float(u[k]) / n) + float(k / n)) % 1
    return float(float(level * scale) + float(epsMin))
  })
  if (schedule !== "shuffled") return levels
  if (shuffle?.length !== n) throw new RangeError(`dealing ${n} levels takes ${n} uniforms`)
  const order = Array.from(levels.keys()).sort((a, b) => shuffle[a] - shuffle[b])
  return Float32Array.from(order, (k) => levels[k])
}

/**
 * Which positions of one sequence are masked: labelled, and r ≤ t of their block.
 * @param labels negative where there is nothing to learn
 * @param levels of this sequence's blocks
 * @param r uniforms, one per position
 * @returns positions, ascending
 */
export function maskedPositions(
  labels: Int32Array,
  levels: ArrayLike<number>,
  r: ArrayLike<number>,
  blockSize: number,
): Int32Array {
  return Int32Array.from(labels.keys()).filter(
    (i) => labels[i] >= 0 && float(r[i]) <= levels[Math.floor(i / blockSize)],
  )
}

/** The weight 1/t of the tokens of a block, in float32. */
export function lossScale(level: number): number {
  return float(1 / level)
}
