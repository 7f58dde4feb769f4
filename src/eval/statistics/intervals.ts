/** Intervals of means and of shares. */

/** Of a standard normal: 95 % lies within so many standard errors. */
const Z95 = 1.959963984540054

/** 95 %. */
export interface Interval {
  low: number
  high: number
}

/** @param within what a mean cannot leave */
export const normalInterval = (
  mean: number,
  standardError: number,
  within: Interval = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY },
): Interval => ({
  low: Math.max(within.low, mean - Z95 * standardError),
  high: Math.min(within.high, mean + Z95 * standardError),
})

/** Wilson's interval of a share: it stays within 0 and 1, and has a width also where all are right. */
export function wilson(right: number, n: number): Interval {
  const share = right / n
  const z2 = Z95 ** 2
  const middle = (share + z2 / (2 * n)) / (1 + z2 / n)
  const half = (Z95 / (1 + z2 / n)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n))
  return { low: right === 0 ? 0 : middle - half, high: right === n ? 1 : middle + half }
}
