/** How much noise a sample gets and which tokens it masks (docs/reference.md, "Full-diffusion loss"). Plain numbers. */

export interface NoiseOptions {
  /** The probability p of a mask lies in [epsMin, epsMax). @default 0.001 */
  epsMin?: number
  /** @default 1 */
  epsMax?: number
}

const float = Math.fround

/** Probability p of a mask, in float32 as the reference computes it. @param t in [0, 1) */
export function maskProbability(t: number, { epsMin = 0.001, epsMax = 1 }: NoiseOptions = {}): number {
  return float(float(float(epsMax - epsMin) * float(t)) + float(epsMin))
}

/**
 * Which positions are masked: labelled, and r < p.
 * @param labels negative where there is nothing to learn
 * @param r uniforms, one per position
 * @returns positions, ascending
 */
export function maskedPositions(labels: Int32Array, p: number, r: ArrayLike<number>): Int32Array {
  return Int32Array.from(labels.keys()).filter((i) => labels[i] >= 0 && float(r[i]) < p)
}
