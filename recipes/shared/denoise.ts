/** The blocks of one answer, step by step. */

import type { DecodeEvent } from "../../src/paradigms/decode-events.js"
import type { DenoiseStep } from "../../src/report/denoise-view.js"

/** More would not be looked at. */
const BLOCKS = 4

/**
 * @param events of the decoder
 * @param textOf a token as text
 */
export async function denoise(
  events: AsyncIterable<DecodeEvent>,
  textOf: (id: number) => string,
): Promise<DenoiseStep[][]> {
  const blocks = new Map<number, DenoiseStep[]>()
  const known = new Map<number, string>()
  for await (const event of events) {
    if (event.type !== "step") continue
    const fixed = new Set(event.fixed)
    const predicted = new Map(
      [...event.positions].map((position, i) => [
        position,
        { text: textOf(event.ids[i]), confidence: event.confidences[i] },
      ]),
    )
    for (const position of event.fixed) known.set(position, predicted.get(position)?.text ?? "")
    const cells = Array.from({ length: event.end - event.start }, (_, i): DenoiseStep["cells"][number][] => {
      const position = event.start + i
      const guess = predicted.get(position)
      if (guess) return [{ ...guess, state: fixed.has(position) ? "new" : "masked" }]
      const text = known.get(position)
      // The end of the prompt may be in the first block.
      return text === undefined ? [] : [{ text, state: "fixed" }]
    }).flat()
    blocks.set(event.block, [...(blocks.get(event.block) ?? []), { step: event.step + 1, cells }])
  }
  return [...blocks.values()].slice(0, BLOCKS)
}
