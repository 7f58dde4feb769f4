/** Which case comes when: rounds over the targets, each with as many cases as its share. */

import type { Target } from "./target.js"

export interface Step {
  target: Target
  /** The case's number: with the seed and the target it says everything about it. */
  number: number
}

export function stepAt(targets: readonly Target[], position: number): Step {
  const perRound = targets.reduce((sum, { share }) => sum + share, 0)
  const round = Math.floor(position / perRound)
  let rest = position % perRound
  for (const target of targets) {
    if (rest < target.share) return { target, number: round * target.share + rest }
    rest -= target.share
  }
  throw new Error("a plan without targets")
}
