/** How many masked tokens of a block become final in each step, and which (paper, section 3.4; reference behaviour 6.3). */

/**
 * low_confidence_static: the scheduled number, most confident first.
 * low_confidence_dynamic: every token above the threshold, but at least the scheduled number.
 */
export type RemaskingStrategy = "low_confidence_static" | "low_confidence_dynamic"

/**
 * Tokens to fix in step s = 0 … steps: the block is spread evenly, larger shares first. The extra entry serves the
 * authors' extra iteration. The authors pass the block size also when one block holds prompt and answer.
 */
export function transferSchedule(blockSize: number, steps: number): number[] {
  const share = Math.floor(blockSize / steps)
  const larger = blockSize % steps
  return Array.from({ length: steps + 1 }, (_, step) => share + (step < larger ? 1 : 0))
}

/**
 * Indices of the confidences to fix, ascending. Of equal confidences the first wins.
 * @param count the schedule's number for this step
 */
export function selectConfident(
  confidences: ArrayLike<number>,
  count: number,
  strategy: RemaskingStrategy,
  threshold: number,
): number[] {
  const all = Array.from({ length: confidences.length }, (_, i) => i)
  if (strategy === "low_confidence_dynamic") {
    const confident = all.filter((i) => confidences[i] > threshold)
    if (confident.length >= count) return confident
  }
  return all
    .sort((a, b) => confidences[b] - confidences[a] || a - b)
    .slice(0, count)
    .sort((a, b) => a - b)
}
