/** Seeded random generators. */

import { addon } from "./native.js"

/** A stream of random numbers of its own: what is drawn from it depends on its seed only. */
export class Generator {
  readonly id: number

  constructor(seed: number, device = "cpu") {
    this.id = addon().newGenerator(device, seed)
  }
}

/** Seeds the default generators of every device. */
export function manualSeed(seed: number): void {
  addon().seed(seed)
}
