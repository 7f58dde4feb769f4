/** A small seeded random stream for choosing data. It knows nothing about tensors and is not meant for noise. */

export interface RandomStream {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform integer in [0, limit). */
  below(limit: number): number
  /** A shuffled copy. */
  shuffle<T>(items: readonly T[]): T[]
}

/**
 * The stream of a seed and a purpose: streams of different purposes do not depend on how much the others drew.
 * @example randomStream(1, "held-out pictures").below(10)
 */
export function randomStream(seed: number, purpose: string): RandomStream {
  let state = hash(`${seed}:${purpose}`)
  // mulberry32: 32 bits of state, passes the usual statistical batteries, the same on every machine.
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  const shuffle = <T>(items: readonly T[]): T[] => {
    const out = [...items]
    for (let i = out.length - 1; i > 0; i--) {
      const j = below(i + 1)
      const swap = out[i]
      out[i] = out[j]
      out[j] = swap
    }
    return out
  }
  return { next, below, shuffle }
}

/** FNV-1a over UTF-16 code units. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value
}
