/** Python's global generator, MT19937, as far as the authors' scores use it (evaluation.md section 5). */

export interface PythonRandom {
  /** A whole number from 0 to n - 1. */
  below(n: number): number
  /** One of them. */
  choice<T>(from: readonly T[]): T
}
