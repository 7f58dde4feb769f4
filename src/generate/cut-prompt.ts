/** A prompt without its end. */

import type { Prompt } from "../paradigms/prompt.js"

/**
 * The first rows of a prompt, with what stands on those of them that are a picture's.
 * @param prompt whose features are given back, or taken over
 */
export function cutPrompt(prompt: Prompt, rows: number): Prompt {
  const { features = [], featureNames, positions } = prompt
  if (prompt.ids.length <= rows) return prompt
  const ids = prompt.ids.slice(0, rows)
  let left = ids.reduce((count, id) => count + Number(id < 0), 0)
  const kept = features.flatMap((each) => {
    const own = Math.min(left, each.shape[0])
    left -= own
    if (own === each.shape[0]) return [each]
    const part = own > 0 ? [each.narrow(0, 0, own)] : []
    each.dispose()
    return part
  })
  return {
    ...prompt,
    ids,
    ...(prompt.features && { features: kept }),
    // The rows that are left are those of the whole picture.
    ...(featureNames && { featureNames: featureNames.slice(0, kept.length) }),
    ...(positions && { positions: cutPositions(positions, rows) }),
  }
}

function cutPositions({ axes }: NonNullable<Prompt["positions"]>, rows: number): NonNullable<Prompt["positions"]> {
  const [time, height, width] = axes.map((axis) => axis.slice(0, rows))
  const last = [time, height, width].reduce((most, axis) => axis.reduce((a, b) => Math.max(a, b), most), -1)
  return { axes: [time, height, width], delta: last + 1 - rows }
}
