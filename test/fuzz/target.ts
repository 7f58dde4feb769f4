/** What every fuzz target is: a valid input, and a way to break it and use it. */

import type { Random } from "../../src/data/prng.js"

export interface FuzzCase {
  /** Everything random about the case comes from here. */
  random: Random
  /** An empty folder for its files; kept when the case fails. */
  folder: string
  /** Says what was done to the input, before it is used: a crash leaves no other trace. */
  note(what: string): void
  /** A text that the user would see, beside thrown errors: judged like them. */
  shown(text: string): void
}

export interface Fuzzer {
  /** Breaks the input and uses it. Returns when it was accepted; a UserError is a refusal; anything else is a finding. */
  run(fuzzCase: FuzzCase): Promise<void>
  close?(): Promise<void>
}

export interface Target {
  name: string
  /** Cases per round: more for what is quick. */
  share: number
  load(): Promise<TargetModule>
}

export interface TargetModule {
  /** Makes the valid input, once per process. It has to be accepted as it is. */
  prepare(folder: string): Promise<Fuzzer>
}

/** The program went on with numbers that mean nothing. */
export class Nonsense extends Error {}
