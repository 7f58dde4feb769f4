/** How much noise each block gets and which tokens it masks (paper, section 3.3; reference behaviour 4.1). Plain numbers. */

import { IGNORE } from "../../text/conversation.js"

/**
 * ordered: antithetic levels in order, as the authors' code: t grows along the sequence and across the batch.
 * shuffled: the same levels, dealt to the blocks at random.
 * uniform: t ~ U(0, 1) for each block by itself, as the paper says.
 */
export type NoiseSchedule = "ordered" | "shuffled" | "uniform"

/** t lies in [EPS_MIN, 1). */
const EPS_MIN = Math.fround(0.001)
const RANGE = Math.fround(1 - 0.001)

const fround = Math.fround

/**
 * Noise levels t of N = batch × blocks blocks from uniforms u [N], in float32 as the reference computes them.
 * @param shuffle uniforms [N] that decide the dealing of `shuffled`
 */
export function noiseLevels(u: ArrayLike<number>, schedule: NoiseSchedule = "ordered", shuffle?: ArrayLike<number>): Float32Array {
  const n = u.length
  const t = new Float32Array(n)
  for (let k = 0; k < n; k++) {
    const level = schedule === "uniform" ? fround(u[k]) : fround(fround(fround(u[k]) / n) + fround(k / n)) % 1
    t[k] = fround(fround(level * RANGE) + EPS_MIN)
  }
  if (schedule !== "shuffled") return t
  if (!shuffle) throw new Error("a shuffled schedule needs uniforms to shuffle by")
  const order = Array.from(t.keys()).sort((a, b) => shuffle[a] - shuffle[b])
  return Float32Array.from(order, (k) => t[k])
}

/**
 * Which positions of one sample are masked: labelled, and r ≤ t of their block.
 * @param t levels of this sample's blocks
 * @param r uniforms, one per position
 * @returns positions, ascending
 */
export function maskedPositions(labels: Int32Array, t: ArrayLike<number>, r: ArrayLike<number>, blockSize: number): Int32Array {
  const masked: number[] = []
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== IGNORE && fround(r[i]) <= t[Math.floor(i / blockSize)]) masked.push(i)
  }
  return Int32Array.from(masked)
}
