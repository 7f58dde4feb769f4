/** Seeded random generators. */

import { addon } from "./native.js"

/** A stream of random numbers of its own: what is drawn from it depends on its seed only. */
export class Generator {
  readonly id: number

  /** @param seed a whole number of at least 0 */
  constructor(seed: number, device = "cpu") {
    checkSeed(seed)
    this.id = addon().newGenerator(device, seed)
  }
}

/** Seeds the default generators of every device. */
export function manualSeed(seed: number): void {
  checkSeed(seed)
  addon().seed(seed)
}

function checkSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`a seed is a whole number of at least 0, not ${seed}`)
}
