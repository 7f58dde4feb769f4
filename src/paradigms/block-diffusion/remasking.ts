/**
 * How many masked tokens of a block become final in each step, and which (paper, section 3.5; docs/reference.md,
 * "Remasking").
 */

export const REMASKING_STRATEGIES = ["low_confidence_static", "low_confidence_dynamic", "sequential_dynamic"] as const

/**
 * low_confidence_static: the scheduled number, most confident first.
 *
 * low_confidence_dynamic: every token above the threshold, but at least the scheduled number, most confident first.
 *
 * sequential_dynamic (not in the paper): every token above the threshold, but at least the scheduled number, leftmost
 * first; and an end of the answer only behind tokens that are final. What is unsure is then decided in the order in
 * which an autoregressive model was trained to decide it. Confidence alone often decides the end of an answer before its
 * first word, which then has to fit the length.
 */
export type RemaskingStrategy = (typeof REMASKING_STRATEGIES)[number]

/**
 * Tokens to fix in step s = 0 … steps: the block is spread evenly, larger shares first. The extra entry serves the
 * authors' extra iteration.
 */
export function transferSchedule(blockSize: number, steps: number): number[] {
  const share = Math.floor(blockSize / steps)
  const larger = blockSize % steps
  return Array.from({ length: steps + 1 }, (_, step) => share + (step < larger ? 1 : 0))
}

/**
 * Indices of the tokens to make final, ascending. Of equal confidences the first wins.
 * @param confidences of the masked tokens of a block, from left to right
 * @param count the schedule's number for this step
 * @param endsAnswer whether the token predicted at an index is an end of sequence
 */
export function selectTokens(
  confidences: ArrayLike<number>,
  count: number,
  strategy: RemaskingStrategy,
  threshold: number,
  endsAnswer: (index: number) => boolean = () => false,
): number[] {
  const sequential = strategy === "sequential_dynamic"
  const sure: number[] = []
  const unsure: number[] = []
  for (let i = 0; i < confidences.length; i++) {
    const above = strategy !== "low_confidence_static" && confidences[i] > threshold
    const early = sequential && unsure.length > 0 && endsAnswer(i)
    if (above && !early) sure.push(i)
    else unsure.push(i)
  }
  const missing = count - sure.length
  if (missing <= 0) return sure
  if (!sequential) unsure.sort((a, b) => confidences[b] - confidences[a] || a - b)
  return [...sure, ...unsure.slice(0, missing)].sort((a, b) => a - b)
}
