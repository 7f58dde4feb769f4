/** How many threads operators compute on: all of them, or one for a forward too small to be shared. */

import { addon } from "./native.js"
import { describeSpin } from "./spin.js"

/** Multiplications of one layer from which a second thread brings more than its wake-ups cost. */
const SHARED = 8_000_000
/** Reading a weight takes as long as multiplying it by so many rows. */
const ROWS_PER_READ = 8

/**
 * Whether a forward of `rows` rows through layers of `weights` weights each is computed on one thread. Only its size
 * decides, never the load of the moment: sums of some products depend in their last bits on the number of threads, and the
 * same request must give the same tokens.
 */
export function isSerial(rows: number, weights: number): boolean {
  return Math.max(rows, ROWS_PER_READ) * weights < SHARED
}

/** Whether the user's environment says how many threads compute: then that many do, whatever the size. */
export function threadsChosen(environment: Record<string, string | undefined> = process.env): boolean {
  return Boolean(environment.OMP_NUM_THREADS || environment.MKL_NUM_THREADS)
}

let serial = false

/** Runs `body`, a forward of this size (see `isSerial`), on as many threads as it is worth; synchronous only. */
export function onThreadsFor<T>({ rows, weights }: { rows: number; weights: number }, body: () => T): T {
  if (serial || !isSerial(rows, weights) || threadsChosen()) return body()
  addon().oneThread(true)
  serial = true
  try {
    return body()
  } finally {
    serial = false
    addon().oneThread(false)
  }
}

/** The most threads that operators compute on, 1 … 4096. */
export function setThreads(threads: number): void {
  addon().setThreads(threads)
}

/** The policy in words, for a person: how many threads compute, and how long those that wait spin. */
export function describeThreads(): string {
  return `${threadsChosen() ? "all for every forward, as the environment says" : "one for small forwards"}; ${describeSpin()}`
}
