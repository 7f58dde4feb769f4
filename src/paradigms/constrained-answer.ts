/**
 * Masked tokens of an answer that must have a format: what is predicted for them is one completion that the format accepts,
 * so that any of its tokens may become final without closing the way for the others (docs/guide/structured-output.md).
 */

import { END, Lattice, type Stretch, stateAfter } from "../grammar/lattice.js"
import { Scores } from "../grammar/token-scores.js"
import type { Tensor } from "../torch/index.js"
import type { Constraint } from "./constraint.js"
import { EqualLogitsError, NotFiniteError } from "./not-finite.js"
import type { Predictions, SamplingOptions } from "./sampling.js"

/** Where the answer is written, as far as it is known. */
export interface PartlyKnown {
  readonly length: number
  /** The token at a position, undefined while it is masked. */
  known(position: number): number | undefined
}

export class ConstrainedAnswer {
  readonly #constraint: Constraint
  readonly #sequence: PartlyKnown
  /** First position behind the answer; others behind it only fill a block. */
  readonly #end: number
  /** The format's state before the first position that is still masked, or was when it was last looked at. */
  #state: number
  #position: number
  /** What was predicted last, by position: still accepted, whichever of it became final. */
  #predicted = new Map<number, number>()

  constructor(
    constraint: Constraint,
    sequence: PartlyKnown,
    { start, genLength }: { start: number; genLength: number },
  ) {
    this.#constraint = constraint
    this.#sequence = sequence
    this.#state = constraint.tokens.start
    this.#position = start
    this.#end = start + genLength
  }

  /**
   * @param rows logits of the masked positions, [V] each
   * @param positions of the rows, ascending: all that are masked before the last one
   * @param uniforms one in [0, 1) for each, where tokens are drawn
   */
  choose(
    rows: readonly Float32Array[],
    positions: Int32Array,
    uniforms: readonly number[],
    { temperature = 0, topK = 0, topP = 1, confidenceFrom = "modified" }: SamplingOptions,
  ): Predictions & { logConfidences: Float32Array } {
    this.#goOn()
    const first = this.#position
    const lattice = (scale: number): Lattice =>
      new Lattice(
        this.#stretch(
          rows.map((row) => scored(row, scale)),
          positions,
        ),
      )
    const chosen = lattice(temperature || 1)
    const indices = new Map(Array.from(positions, (position, i) => [position - first, i]))
    const ids = temperature
      ? chosen.draw((cell, weights) => drawn(weights, uniforms[indices.get(cell)!], topK, topP))
      : chosen.likeliest()
    const isPlain = confidenceFrom === "unmodified" && temperature > 0 && temperature !== 1
    const surest = isPlain ? lattice(1) : chosen
    this.#predicted = new Map(Array.from(ids, (id, i) => [first + i, id]))
    const logs = Float32Array.from(positions, (position) =>
      surest.logProbability(position - first, ids[position - first]),
    )
    return {
      ids: Int32Array.from(positions, (position) => ids[position - first]),
      confidences: logs.map(Math.exp),
      logConfidences: logs,
    }
  }

  /** Past the tokens that have become final, from the left. */
  #goOn(): void {
    const { tokens, ends } = this.#constraint
    for (let id = this.#sequence.known(this.#position); id !== undefined; id = this.#sequence.known(++this.#position))
      this.#state = stateAfter({ tokens, ends }, this.#state, id)
  }

  /** From the first masked position to the last one that is predicted or known. */
  #stretch(rows: readonly Scores[], positions: Int32Array): Stretch {
    const { tokens, ends } = this.#constraint
    let end = this.#sequence.length
    while (end - 1 > positions[positions.length - 1] && this.#sequence.known(end - 1) === undefined) end--
    const cells = Array.from({ length: end - this.#position }, (_, i) => {
      const position = this.#position + i
      return this.#sequence.known(position) ?? rows[positions.indexOf(position)]
    })
    let state = this.#state
    const witness = cells.map((cell, i) => {
      const isOver = state === END || tokens.completion(state) === 0
      const id =
        typeof cell === "number"
          ? cell
          : (this.#predicted.get(this.#position + i) ?? (isOver ? ends.ids[0] : tokens.guide(state)))
      state = stateAfter({ tokens, ends }, state, id)
      return id
    })
    return { tokens, ends, start: this.#state, cells, left: this.#end - end, witness }
  }
}

/** Another distribution that logits are moved away from. */
interface Guidance {
  logits: Tensor
  scale: number
}

/**
 * The rows of a model's logits [n, V], read from the device.
 * @throws NotFiniteError when one of them is not finite, EqualLogitsError when all of a row are the same
 */
export function constrainedRows(logits: Tensor, guidance?: Guidance): Float32Array[] {
  const rows = readRows(logits)
  const without = guidance && readRows(guidance.logits)
  if (!guidance || !without) return rows
  return rows.map((row, i) => row.map((logit, id) => without[i][id] + (logit - without[i][id]) * (guidance.scale + 1)))
}

function readRows(logits: Tensor): Float32Array[] {
  const [count, vocabulary] = logits.shape
  const all = logits.toFloat32()
  return Array.from({ length: count }, (_, i) => {
    const row = all.subarray(i * vocabulary, (i + 1) * vocabulary)
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const logit of row) {
      if (!Number.isFinite(logit)) throw new NotFiniteError()
      if (logit < least) least = logit
      if (logit > most) most = logit
    }
    if (most - least <= 1e-4) throw new EqualLogitsError()
    return row
  })
}

const scored = (row: Float32Array, temperature: number): Scores =>
  new Scores(temperature === 1 ? row : Float64Array.from(row, (logit) => logit / temperature))

/**
 * A token drawn by the logarithms of weights, by the rules of `sampleTokens`.
 * @param uniform in [0, 1)
 */
function drawn(weights: Float64Array, uniform: number, topK: number, topP: number): number {
  let order = Array.from(weights.keys()).filter((id) => weights[id] > Number.NEGATIVE_INFINITY)
  const most = order.reduce((most, id) => Math.max(most, weights[id]), Number.NEGATIVE_INFINITY)
  const weight = (id: number): number => Math.exp(weights[id] - most)
  const total = (ids: readonly number[]): number => ids.reduce((sum, id) => sum + weight(id), 0)
  if (topK > 0 || topP < 1) {
    order.sort((a, b) => weights[b] - weights[a] || a - b)
    if (topK > 0 && topK < order.length) {
      const least = weights[order[topK - 1]]
      order = order.filter((id) => weights[id] >= least)
    }
    const limit = topP * total(order)
    let before = 0
    order = order.filter((id) => {
      const isKept = before <= limit
      before += weight(id)
      return isKept
    })
    order.sort((a, b) => a - b)
  }
  const reach = uniform * total(order)
  let sum = 0
  for (const id of order) {
    sum += weight(id)
    if (sum > reach) return id
  }
  return order[order.length - 1]
}
