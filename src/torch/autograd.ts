/** Gradients: backward passes, modes, functions with a backward written in TypeScript, checkpointing. */

import { explained, readResults } from "./call.js"
import { zeros } from "./create.js"
import { tidy, untidied } from "./memory.js"
import { ARGS, addon, frame } from "./native.js"
import type { Tensor } from "./tensor.js"

const handlesOf = (tensors: readonly (Tensor | null)[]): Float64Array =>
  Float64Array.from(tensors, (t) => (t ? t.handle : -1))

/** Accumulates d(root)/d(leaf) into `.grad` of every leaf that requires it. Roots that are not scalars need `grads`. */
export function backward(
  root: Tensor | Tensor[],
  { grads, retainGraph = false }: { grads?: (Tensor | null)[]; retainGraph?: boolean } = {},
): void {
  const roots = Array.isArray(root) ? root : [root]
  const given = grads ?? roots.map(() => null)
  explained("backward", roots, () => addon().backward(handlesOf(roots), handlesOf(given), retainGraph))
}

/** d(roots)/d(inputs), without touching `.grad`; null for an input that was not used. */
export function gradients(
  roots: Tensor[],
  inputs: Tensor[],
  {
    grads,
    retainGraph = false,
    createGraph = false,
  }: { grads?: (Tensor | null)[]; retainGraph?: boolean; createGraph?: boolean } = {},
): (Tensor | null)[] {
  const given = grads ?? roots.map(() => null)
  explained("gradients", roots, () =>
    addon().gradients(handlesOf(roots), handlesOf(inputs), handlesOf(given), retainGraph || createGraph, createGraph),
  )
  return readResults() as (Tensor | null)[]
}

/** Whether a graph is being recorded: false inside `noGrad` and `inferenceMode`. */
export function gradEnabled(): boolean {
  if (inferenceDepth > 0) return false
  const on = addon().setGradMode(false)
  addon().setGradMode(on)
  return on
}

function withGradMode<T>(on: boolean, body: () => T): T {
  const before = addon().setGradMode(on)
  try {
    const result = body()
    if (result instanceof Promise) throw new TypeError("noGrad() and enableGrad() need a synchronous function")
    return result
  } finally {
    addon().setGradMode(before)
  }
}

/** Runs `body` without recording a graph. Synchronous only. */
export function noGrad<T>(body: () => T): T {
  return withGradMode(false, body)
}

/** Records a graph inside a `noGrad`. */
export function enableGrad<T>(body: () => T): T {
  return withGradMode(true, body)
}

let inferenceDepth = 0

/** As noGrad, a little faster; its tensors can never be used in a backward pass. For serving. */
export function inferenceMode<T>(body: () => T): T {
  if (inferenceDepth++ === 0) addon().setInferenceMode(true)
  try {
    const result = body()
    if (result instanceof Promise) throw new TypeError("inferenceMode() needs a synchronous function")
    return result
  } finally {
    if (--inferenceDepth === 0) addon().setInferenceMode(false)
  }
}

export interface CustomFunction {
  /** Runs without recording; returns the outputs. */
  forward: () => Tensor[]
  /** Gradients of the outputs (null: none needed) to gradients of the inputs (null: none). */
  backward: (grads: (Tensor | null)[], outputs: Tensor[]) => (Tensor | null)[]
}

/**
 * A differentiable function with its own backward pass. `backward` may use what `forward` computed through its closure,
 * and the outputs it is given, which carry no history (so nothing keeps the graph alive). It is differentiable once:
 * `createGraph` through it is an error.
 */
export function customFunction(inputs: readonly Tensor[], fn: CustomFunction): Tensor[] {
  const raw = noGrad(fn.forward)
  if (!gradEnabled() || !inputs.some((input) => input.requiresGrad)) return raw
  // A scope of its own: around the whole backward pass there may be one that would keep everything to its end. The
  // result goes back as a value, so that it lives until its handles were read.
  const run = (): unknown =>
    untidied(() =>
      tidy(() => {
        const grads = readResults() as (Tensor | null)[]
        const result = noGrad(() => fn.backward(grads, raw))
        if (result.length !== inputs.length)
          throw new Error(`a backward function returned ${result.length} gradients for ${inputs.length} inputs`)
        for (let i = 0; i < result.length; i++) frame[ARGS + i] = result[i]?.handle ?? -1
        return result
      }),
    )
  addon().customFunction(handlesOf(raw), handlesOf(inputs), run)
  return readResults() as Tensor[]
}

/**
 * Gradient checkpointing: runs `body` without keeping its intermediates and runs it again in the backward pass.
 * Parameters used inside accumulate their gradients as usual. `body` must compute the same values both times.
 */
export function checkpoint(inputs: readonly Tensor[], body: (...inputs: Tensor[]) => Tensor): Tensor {
  // Something must require grad for the backward pass to come here, even when only parameters inside do.
  const anchor = zeros([1]).requiresGrad_()
  const [output] = customFunction([anchor, ...inputs], {
    forward: () => [tidy(() => body(...inputs))],
    backward: ([grad]) => {
      if (!grad) return [null, ...inputs.map(() => null)]
      return enableGrad(() => {
        const leaves = inputs.map((input) => (input.requiresGrad ? input.detach().requiresGrad_() : input.detach()))
        const output = body(...leaves)
        if (output.requiresGrad) backward(output, { grads: [grad] })
        return [null, ...leaves.map((leaf) => leaf.grad)]
      })
    },
  })
  return output
}
