/** A small seeded generator of random numbers: the same stream on every machine, made anew from (seed, step) where needed. */

/** 32-bit mix of several integers (a splitmix finaliser), so that neighbouring seeds give unrelated streams. */
export function mixSeeds(...parts: number[]): number {
  let h = 0x9e3779b9
  for (const part of parts) {
    h = Math.imul(h ^ (part | 0) ^ Math.floor(part / 2 ** 32), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    h ^= h >>> 16
  }
  return h >>> 0
}

export type Random = () => number

/** xoshiro128** seeded from a list of integers; numbers in [0, 1) with 32 bits. */
export function randomFrom(...seeds: number[]): Random {
  const s = Uint32Array.from({ length: 4 }, (_, i) => mixSeeds(...seeds, i) || 1)
  const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k))
  return () => {
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0
    const t = s[1] << 9
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotate(s[3], 11)
    return result / 2 ** 32
  }
}

/** Fisher–Yates: 0 … n − 1 in random order. */
export function permutation(n: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swap = order[i]
    order[i] = order[j]
    order[j] = swap
  }
  return order
}
