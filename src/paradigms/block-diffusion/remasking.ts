/** How many masked tokens of a block become final in each step, and which (paper, section 3.4; reference behaviour 6.3). */

export const REMASKING_STRATEGIES = ["low_confidence_static", "low_confidence_dynamic", "sequential_dynamic"] as const

/**
 * low_confidence_static: the scheduled number, most confident first.
 *
 * low_confidence_dynamic: every token above the threshold, but at least the scheduled number, most confident first.
 *
 * sequential_dynamic (not in the paper): every token above the threshold, but at least the scheduled number, leftmost
 * first. What is unsure is then decided in the order in which an autoregressive model was trained to decide it. The most
 * confident of unsure tokens is often the end of the answer, and an end that comes too early leaves the words before it
 * no choice.
 */
export type RemaskingStrategy = (typeof REMASKING_STRATEGIES)[number]

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
 * Indices of the tokens to make final, ascending. Of equal confidences the first wins.
 * @param confidences of the masked tokens, from left to right
 * @param count the schedule's number for this step
 */
export function selectTokens(
  confidences: ArrayLike<number>,
  count: number,
  strategy: RemaskingStrategy,
  threshold: number,
): number[] {
  const all = Array.from({ length: confidences.length }, (_, i) => i)
  const sure = strategy === "low_confidence_static" ? [] : all.filter((i) => confidences[i] > threshold)
  const missing = count - sure.length
  if (missing <= 0) return sure
  const unsure = all.filter((i) => !sure.includes(i))
  if (strategy !== "sequential_dynamic") unsure.sort((a, b) => confidences[b] - confidences[a] || a - b)
  return [...sure, ...unsure.slice(0, missing)].sort((a, b) => a - b)
}
