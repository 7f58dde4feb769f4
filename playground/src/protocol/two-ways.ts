/** What a comparison begins with. */

import { type Choice, NO_CHOICE } from "./choice.js"
import type { ServedModel } from "./contract.js"

/** Two ways that differ, from what a server has: two models, two modes of a model, or two thresholds. */
export function twoWays(models: readonly ServedModel[]): [Choice, Choice] {
  const [first, second] = models
  const way = (model: ServedModel | undefined, more: Partial<Choice> = {}): Choice => ({
    ...NO_CHOICE,
    model: model?.id ?? "",
    ...more,
  })
  if (second) return [way(first), way(second)]
  const [mode, other] = first?.diffusion?.modes ?? []
  if (other) return [way(first, { mode }), way(first, { mode: other })]
  return [way(first, { threshold: "0.95" }), way(first, { threshold: "0.6" })]
}
