/** Learning-rate schedule: linear warm-up, then cosine to zero (or constant). Knows neither steps nor clocks, only progress. */

export type ScheduleKind = "cosine" | "constant"

/**
 * Factor on the learning rate.
 * @param progress part of the training that is done, 0 … 1
 * @param warmup part of the training spent warming up, 0 … 1
 */
export function learningRateFactor(kind: ScheduleKind, progress: number, warmup: number): number {
  const p = Math.min(1, Math.max(0, progress))
  if (p < warmup) return p / warmup
  if (kind === "constant") return 1
  const q = warmup >= 1 ? 1 : (p - warmup) / (1 - warmup)
  return 0.5 * (1 + Math.cos(Math.PI * q))
}
