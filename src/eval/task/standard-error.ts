/** The mean of numbers and its standard error, as lmms-eval has them (docs/evaluation.md 4.5). */

/** Sum by length; null of nothing. */
export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Sample standard deviation (n − 1) by √n; null of fewer than two values. */
export function standardError(values: readonly number[]): number | null {
  const n = values.length
  const middle = mean(values)
  if (n < 2 || middle === null) return null
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0)
  return Math.sqrt(squares / (n - 1)) / Math.sqrt(n)
}
