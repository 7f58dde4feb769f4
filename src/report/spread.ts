/** Repeated measurements as three numbers: the median and the middle half around it. */

export interface Spread {
  median: number
  /** First and third quartile. */
  low: number
  high: number
}

/** @param values at least one finite number */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const [low, median, high] = [0.25, 0.5, 0.75].map((share) => quantileOf(sorted, share))
  return { median, low, high }
}

/** @param sorted ascending, at least one; between two ranks in a straight line */
export function quantileOf(sorted: ArrayLike<number>, share: number): number {
  const rank = share * (sorted.length - 1)
  const below = Math.floor(rank)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (rank - below) * (sorted[above] - sorted[below])
}

/** Whether a ratio can be told from 1: its middle half lies on one side, and is narrower than the distance to 1. */
export function differs({ median, low, high }: Spread): boolean {
  return (low > 1 || high < 1) && high - low < Math.abs(median - 1)
}

/** "1.50× (1.42–1.57)" */
export function ratioText({ median, low, high }: Spread): string {
  return `${median.toFixed(2)}× (${low.toFixed(2)}–${high.toFixed(2)})`
}
