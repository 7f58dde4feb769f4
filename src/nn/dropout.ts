/** Dropout that can be drawn a second time: a mask depends on the seed of its forward pass and on how many were drawn before it. */

import { callOperator, manualSeed, type Tensor } from "../torch/index.js"

interface Masks {
  seed: number
  drawn: number
  /** The last mask of what has one for several of its parts, and those that had it. */
  shared: Map<object, { index: number; parts: Set<number> }>
}

/** Outside of training nothing is dropped. */
let masks: Masks | undefined

/**
 * Trains inside `body`, forward and backward: what `dropout` draws depends on `seed` and on the order of the draws only.
 * @param seed a whole number of at least 0
 */
export function withDropout<T>(seed: number, body: () => T): T {
  const outer = masks
  masks = { seed, drawn: 0, shared: new Map() }
  try {
    return body()
  } finally {
    masks = outer
  }
}

/** `body` as a function that draws the same masks every time it runs: for layers that the backward pass computes again. */
export function withSameMasks<A extends unknown[], T>(body: (...args: A) => T): (...args: A) => T {
  const from = masks?.drawn
  let ran = false
  return (...args) => {
    if (from === undefined || !masks || !ran) {
      ran = true
      return body(...args)
    }
    const now = masks.drawn
    masks.drawn = from
    try {
      return body(...args)
    } finally {
      masks.drawn = now
    }
  }
}

/**
 * x with each element dropped with `probability` and the others scaled up, in training; else x itself.
 * @param part of something whose parts all get one mask for the same x; when one of them comes again, the next mask begins
 */
export function dropout(x: Tensor, probability: number, part?: { of: object; index: number }): Tensor {
  if (!masks || probability === 0) return x
  // The engine's own generator, seeded for each mask: a generator of its own for each would never be freed.
  manualSeed(maskSeed(masks.seed, part ? sharedMask(masks, part) : masks.drawn++))
  const kept = callOperator("aten::bernoulli.p", x.detach(), 1 - probability)[0] as Tensor
  return x.mul(kept.mul(1 / (1 - probability)))
}

function sharedMask(now: Masks, { of, index: part }: { of: object; index: number }): number {
  const last = now.shared.get(of)
  if (last && !last.parts.has(part)) {
    last.parts.add(part)
    return last.index
  }
  const index = now.drawn++
  now.shared.set(of, { index, parts: new Set([part]) })
  return index
}

/** Neighbouring numbers should give unrelated masks; the engine's generator takes 32 bits of a seed. */
function maskSeed(seed: number, index: number): number {
  let h = Math.imul((seed ^ Math.floor(seed / 2 ** 32)) | 0, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca77)
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return (h ^ (h >>> 16)) >>> 0
}
