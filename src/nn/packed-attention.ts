/**
 * Attention of several sequences whose rows lie behind one another, each over its own cache and in its own pattern: ragged,
 * nothing is padded. On the CPU one call for all of them, elsewhere one for each.
 */

import { attendRagged, cat, gradEnabled, hasKernels, type Tensor, tensor, untidied } from "../torch/index.js"
import { attention } from "./attention.js"
import type { AttentionPattern } from "./attention-pattern.js"
import type { KvCache } from "./kv-cache.js"

/** A list of one for each sequence. Attention plans each list once, so all layers of a forward share them. */
export type PackedPatterns = readonly (readonly AttentionPattern[])[]

/** Keys and values of this call, [1, Hkv, R, d]. */
export interface PackedKeys {
  layer: number
  k: Tensor
  v: Tensor
  /** Of all R rows: how many are of which sequence. */
  patterns: PackedPatterns
}

/** For one forward: what is planned for its layers is given back by `dispose`. */
export class PackedAttention {
  readonly #caches: readonly (KvCache | undefined)[]
  readonly #recording = gradEnabled()
  readonly #plans = new Map<PackedPatterns, Tensor>()

  /** @param caches undefined for a sequence that has none and keeps none */
  constructor(caches: readonly (KvCache | undefined)[]) {
    this.#caches = caches
  }

  /**
   * Writes keys and values behind those of each cache, and gives what the queries see in them: [1, H, Q, d].
   * @param q [1, H, Q, d]
   * @param queries which rows the queries are, and what they see: the same patterns, or some rows of them
   */
  attend(q: Tensor, { layer, k, v, patterns }: PackedKeys, queries: PackedPatterns): Tensor {
    if (!this.#isRagged(k)) return attendEach(q, this.#seen({ layer, k, v, patterns }), queries)
    const stores = this.#caches.map((cache, i) => cache?.reserve(patterns[i][0].queries) ?? null)
    const plan = this.#plans.get(queries) ?? this.#planned(patterns, queries)
    return attendRagged({ q, k, v, stores, layer, plan, scale: 1 / Math.sqrt(k.shape[3]) })
  }

  /** Only writes them. */
  keep(keys: PackedKeys): void {
    this.#seen(keys)
  }

  dispose(): void {
    for (const plan of this.#plans.values()) plan.dispose()
    this.#plans.clear()
  }

  #isRagged({ device, dtype }: Tensor): boolean {
    return device === "cpu" && !this.#recording && (dtype === "float32" || dtype === "bfloat16") && hasKernels()
  }

  #planned(patterns: PackedPatterns, queries: PackedPatterns): Tensor {
    const numbers = patterns.flatMap(([rows], i) => planOf(rows, queries[i][0]))
    const plan = untidied(() => tensor(Int32Array.from(numbers)))
    this.#plans.set(queries, plan)
    return plan
  }

  /** Keys and values that each sequence sees, those of its cache and its own. */
  #seen({ layer, k, v, patterns }: PackedKeys): { keys: Tensor; values: Tensor }[] {
    let start = 0
    return this.#caches.map((cache, i) => {
      const { queries: rows } = patterns[i][0]
      start += rows
      const ofSequence = (x: Tensor): Tensor => (this.#caches.length === 1 ? x : x.narrow(2, start - rows, rows))
      const [keys, values] = [ofSequence(k), ofSequence(v)]
      return cache ? cache.write(layer, keys, values) : { keys, values }
    })
  }
}

/** One sequence's part of the plan (`RaggedAttention.plan`). */
function planOf(rows: AttentionPattern, { queries, spans }: AttentionPattern): number[] {
  const plan = [rows.queries, rows.keys - rows.queries, queries, spans.length]
  for (const span of spans) plan.push(...span.queries, span.keys.length, ...span.keys.flat())
  return plan
}

/** Attention of each of several sequences. */
function attendEach(q: Tensor, seen: readonly { keys: Tensor; values: Tensor }[], patterns: PackedPatterns): Tensor {
  if (seen.length === 1) return attention(q, seen[0].keys, seen[0].values, patterns[0])
  let start = 0
  const outputs = seen.flatMap(({ keys, values }, i) => {
    const { queries: rows } = patterns[i][0]
    start += rows
    return rows === 0 ? [] : [attention(q.narrow(2, start - rows, rows), keys, values, patterns[i])]
  })
  return outputs.length === 1 ? outputs[0] : cat(outputs, 2)
}
