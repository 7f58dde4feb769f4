/** Python's global generator, MT19937, as far as the authors' scores use it (docs/evaluation.md 5). */

export interface PythonRandom {
  /** A whole number from 0 to n - 1. */
  below(n: number): number
  /** One of them. */
  choice<T>(from: readonly T[]): T
}

const SIZE = 624
const MIDDLE = 397

/**
 * The generator as `random.seed(seed)` leaves it.
 * @param seed a whole number; its sign does not matter
 */
export function pythonRandom(seed: number | bigint): PythonRandom {
  const next = twister(wordsOf(seed))
  const below = (n: number): number => {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 31) throw new RangeError(`no whole number is below ${n}`)
    const bits = 32 - Math.clz32(n)
    for (;;) {
      const drawn = next() >>> (32 - bits)
      if (drawn < n) return drawn
    }
  }
  return { below, choice: (from) => from[below(from.length)] }
}

/** Words of 32 bits, the least significant first; 0 has one. */
function wordsOf(seed: number | bigint): number[] {
  const words: number[] = []
  let rest = BigInt(seed)
  if (rest < 0n) rest = -rest
  do {
    words.push(Number(rest & 0xffffffffn))
    rest >>= 32n
  } while (rest > 0n)
  return words
}

/** Matsumoto and Nishimura's generator of 32 bits, initialised by an array. */
function twister(key: readonly number[]): () => number {
  const state = initialised(key)
  let used = SIZE
  return () => {
    if (used === SIZE) {
      twist(state)
      used = 0
    }
    let y = state[used++]
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }
}

function initialised(key: readonly number[]): Uint32Array {
  const state = new Uint32Array(SIZE)
  state[0] = 19650218
  for (let i = 1; i < SIZE; i++) state[i] = Math.imul(1812433253, mixed(state[i - 1])) + i
  let i = 1
  const step = (multiplier: number, added: number): void => {
    state[i] = (state[i] ^ Math.imul(mixed(state[i - 1]), multiplier)) + added
    if (++i === SIZE) {
      state[0] = state[SIZE - 1]
      i = 1
    }
  }
  for (let k = 0; k < Math.max(SIZE, key.length); k++) step(1664525, key[k % key.length] + (k % key.length))
  for (let k = 1; k < SIZE; k++) step(1566083941, -i)
  state[0] = 0x80000000
  return state
}

const mixed = (word: number): number => word ^ (word >>> 30)

function twist(state: Uint32Array): void {
  for (let i = 0; i < SIZE; i++) {
    const y = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff)
    state[i] = state[(i + MIDDLE) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
  }
}
