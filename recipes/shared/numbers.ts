/** Numbers about answers. */

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)

/** Standard error of a share of n. */
export const shareError = (share: number, n: number): number => Math.sqrt((share * (1 - share)) / Math.max(1, n))
