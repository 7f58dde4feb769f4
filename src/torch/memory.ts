/** When tensors die: by scope (`tidy`, `using`), and by garbage collections asked for when memory grows. */

import os from "node:os"
import v8 from "node:v8"
import vm from "node:vm"
import { ALLOCATED, addon, frame, LIVE_BYTES, LIVE_TENSORS } from "./native.js"

type Gc = (options?: { type: "minor" | "major" }) => void
let gc: Gc | undefined

function collector(): Gc {
  if (!gc) {
    v8.setFlagsFromString("--expose-gc")
    gc = vm.runInNewContext("gc") as Gc
  }
  return gc
}

const MINIMUM = 64 * 2 ** 20
let baseline = 0

/**
 * Called after every operator. libtorch's memory is invisible to V8, so the engine counts bytes: when enough were
 * allocated since the last collection, a minor one (0.2 ms) frees every dead young tensor at once. Handles that
 * survived two of those need a full collection, asked for when minor ones stop helping.
 */
export function collectIfNeeded(): void {
  const live = frame[LIVE_BYTES]
  if (frame[ALLOCATED] < MINIMUM || frame[ALLOCATED] < live / 4) return
  frame[ALLOCATED] = 0
  collector()({ type: "minor" })
  if (frame[LIVE_BYTES] > 2 * baseline + 4 * MINIMUM) {
    collector()({ type: "major" })
    baseline = frame[LIVE_BYTES]
  }
}

/** A full collection now: for tests and before memory is measured. */
export function collect(): void {
  collector()({ type: "major" })
  frame[ALLOCATED] = 0
  baseline = frame[LIVE_BYTES]
}

/** Live tensors and the bytes they brought (views and mapped files count nothing). */
export function memory(): { tensors: number; bytes: number } {
  return { tensors: frame[LIVE_TENSORS], bytes: frame[LIVE_BYTES] }
}

/**
 * From now on this process keeps the memory that it frees, for the next step of a training: glibc would give large blocks back
 * to the system and fault their pages in anew, an eighth to a fifth of a step. For the whole process and for good, so a
 * choice of programs that train; nothing happens where the C library is another.
 */
export function keepFreedMemory(): void {
  addon().keepFreedMemory()
}

/**
 * Gives freed memory back all the same, once: the next step pays for it. Nothing happens where the C library is not glibc.
 */
export function returnFreedMemory(): void {
  addon().returnFreedMemory()
}

/** Whether the machine, or the container, has less than a tenth of its memory left. */
export function isMemoryScarce(): boolean {
  const total = Math.min(os.totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
  return process.availableMemory() < total / 10
}

export interface HasHandle {
  readonly handle: number
}

let scope: HasHandle[] | undefined

/** Registers a new tensor with the innermost `tidy`. */
export function register(tensor: HasHandle): void {
  scope?.push(tensor)
}

const batch = new Float64Array(1024)

/** Frees the memory of these tensors now; using one afterwards is an error. */
export function dispose(tensors: Iterable<HasHandle>): void {
  let n = 0
  for (const tensor of tensors) {
    batch[n++] = tensor.handle
    if (n === batch.length) {
      addon().free(batch, n)
      n = 0
    }
  }
  if (n > 0) addon().free(batch, n)
}

function keep(value: unknown, kept: Set<unknown>): void {
  if (value === null || typeof value !== "object") return
  if ("handle" in value) kept.add(value)
  else if (Array.isArray(value)) for (const element of value) keep(element, kept)
  else if (Object.getPrototypeOf(value) === Object.prototype)
    for (const element of Object.values(value)) keep(element, kept)
}

/**
 * Runs `body` and frees every tensor made in it except those it returns (alone, or in arrays and plain objects).
 * Synchronous only: a scope held over an `await` would catch other people's tensors.
 */
export function tidy<T>(body: () => T): T {
  const outer = scope
  const created: HasHandle[] = []
  scope = created
  let result: T
  try {
    result = body()
  } catch (error) {
    scope = outer
    dispose(created)
    throw error
  }
  scope = outer
  if (result instanceof Promise) throw new TypeError("tidy() needs a synchronous function")
  const kept = new Set<unknown>()
  keep(result, kept)
  dispose(kept.size === 0 ? created : created.filter((tensor) => !kept.has(tensor)))
  if (outer) for (const tensor of created) if (kept.has(tensor)) outer.push(tensor)
  return result
}

/** A `tidy` for work in pieces, between which other work runs: what is made in any of them lives until `dispose`. */
export class Scope {
  readonly #created: HasHandle[] = []

  /** Runs a piece; synchronous only. */
  within<T>(piece: () => T): T {
    const outer = scope
    scope = this.#created
    try {
      return piece()
    } finally {
      scope = outer
    }
  }

  dispose(): void {
    dispose(this.#created)
    this.#created.length = 0
  }
}

/** Runs `body` outside every `tidy` around it: for tensors that are remembered, such as a mask that is used again. */
export function untidied<T>(body: () => T): T {
  const outer = scope
  scope = undefined
  try {
    return body()
  } finally {
    scope = outer
  }
}
