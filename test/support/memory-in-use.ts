/** Bytes of JavaScript's objects and buffers, where a test must know what something holds. */

import v8 from "node:v8"
import vm from "node:vm"

v8.setFlagsFromString("--expose-gc")
/** Without options, which collects all that can be: `{ type: "major" }` left 180 MB of what nothing refers to. */
const collect = vm.runInNewContext("gc") as () => void

/** Collections at most; three or four are enough, however busy the machine is. */
const MOST = 50
/** What comes and goes by itself between two collections: compiled code, mostly. */
const NOISE = 64 * 1024

/**
 * Bytes in use once nothing more becomes free. One collection is not enough: the buffers of what it finds dead are freed
 * by another thread, after it, and what dies with them is found by the next.
 */
export function memoryInUse(): number {
  let [low, high, alike] = [0, 0, 0]
  for (let i = 0; alike < 3; i++) {
    if (i === MOST) throw new Error(`memory does not settle: ${high - low} bytes between collections`)
    collect()
    const used = v8.getHeapStatistics().used_heap_size + process.memoryUsage().arrayBuffers
    ;[low, high] = [Math.min(low, used), Math.max(high, used)]
    if (high - low <= NOISE) alike++
    else [low, high, alike] = [used, used, 1]
  }
  return low
}

/** Bytes that what `make` returns holds: the middle of three rounds, of which the first also makes what is made once. */
export function bytesHeld(make: () => object): number {
  const rounds = [1, 2, 3].map(() => {
    const before = memoryInUse()
    const held = [make()]
    const after = memoryInUse()
    // Still referred to until here.
    held.length = 0
    return after - before
  })
  return rounds.sort((a, b) => a - b)[1]
}
