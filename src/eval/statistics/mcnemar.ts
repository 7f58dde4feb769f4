/** McNemar's test: whether two runs that answered the same questions are right equally often. */

export interface McNemar {
  /** Questions that only the first run, and only the second, got right. */
  onlyFirst: number
  onlySecond: number
  /** Two-sided. */
  p: number
  exact: boolean
}

/** Up to so many questions that differ the binomial distribution is summed. */
const EXACT = 1000

/** Questions that both got right, or both wrong, say nothing. */
export function mcnemar(onlyFirst: number, onlySecond: number): McNemar {
  const n = onlyFirst + onlySecond
  const exact = n <= EXACT
  const p = exact ? signTest(Math.min(onlyFirst, onlySecond), n) : corrected(Math.abs(onlyFirst - onlySecond), n)
  return { onlyFirst, onlySecond, p, exact }
}

/** Twice the probability of at most so few heads in n throws. */
function signTest(fewer: number, n: number): number {
  let logTerm = -n * Math.LN2
  let sum = 0
  for (let k = 0; k <= fewer; k++) {
    sum += Math.exp(logTerm)
    logTerm += Math.log(n - k) - Math.log(k + 1)
  }
  return Math.min(1, 2 * sum)
}

/** χ² of one degree of freedom, with Edwards' correction. */
function corrected(difference: number, n: number): number {
  const z = Math.max(0, difference - 1) / Math.sqrt(n)
  return erfc(z / Math.SQRT2)
}

/** Complementary error function of x ≥ 0, to seven digits (Numerical Recipes' Chebyshev fit). */
function erfc(x: number): number {
  const t = 1 / (1 + x / 2)
  const terms = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ]
  const exponent = terms.reduceRight((sum, term) => term + t * sum, 0)
  return t * Math.exp(-x * x + exponent)
}
