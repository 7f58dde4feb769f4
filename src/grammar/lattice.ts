/**
 * The completions of a stretch of tokens that a grammar accepts, as a lattice: for each position the states that may be
 * reached before it, and between them the tokens that lead from one to another. Plain numbers; exact up to `MOST_STATES`.
 */

import { DEAD } from "./automaton.js"
import type { TokenAutomaton, TokenSet } from "./token-automaton.js"
import type { Scores } from "./token-scores.js"

/** The text is over: end tokens alone follow. */
export const END = -3

/** States of a position that are followed further, the likeliest first. */
const MOST_STATES = 256
/** Nodes of the token tree that are gone through for one position, counted whether their result is at hand or not. */
const MOST_VISITS = 4_000_000

/** A token that is known, or how likely each is. */
export type Cell = number | Scores

export interface Stretch {
  tokens: TokenAutomaton
  /** Ids that end the text. */
  ends: TokenSet
  /** State before the first position. */
  start: number
  cells: readonly Cell[]
  /** Positions behind the last one that may still be written; negative where the last ones are of no use any more. */
  left: number
  /** Tokens of all positions that are known to be accepted: they stay, however many others are left out. */
  witness: ArrayLike<number>
}

/** All tokens that lead from one state to another. */
interface Edge {
  from: number
  to: number
  /** Undefined where the token is known. */
  tokens: TokenSet | undefined
  /** log of the sum of their probabilities, but for a constant of the position. */
  weight: number
}

interface Layer {
  /** States before a position. */
  states: number[]
  /** From them. */
  edges: Edge[]
  /** log of the sum over all ways to a state, and from it to the end. */
  forward: Float64Array
  backward: Float64Array
  /** Of the likeliest way to each state: how likely, from where, and by which token. */
  best: Float64Array
  from: Int32Array
  token: Int32Array
}

const NONE = Number.NEGATIVE_INFINITY

export class Lattice {
  readonly #stretch: Stretch
  readonly #layers: Layer[] = []

  constructor(stretch: Stretch) {
    this.#stretch = stretch
    this.#reach()
    this.#weigh()
  }

  /** The likeliest tokens that the grammar accepts together. */
  likeliest(): Int32Array {
    const { cells } = this.#stretch
    const ids = new Int32Array(cells.length)
    let state = 0
    const last = this.#layers[cells.length]
    // All states of the last layer can be completed. Of equally likely ones the first.
    for (let i = 1; i < last.states.length; i++) if (last.best[i] > last.best[state]) state = i
    for (let i = cells.length - 1; i >= 0; i--) {
      const { token, from } = this.#layers[i + 1]
      ids[i] = token[state]
      state = from[state]
    }
    return ids
  }

  /**
   * Tokens drawn one after the other, each from what may follow those before it, as likely as its continuations make it.
   * @param pick chooses a token of a position by the logarithms of the weights of all, [V]: −∞ where there is no way on
   */
  draw(pick: (cell: number, weights: Float64Array) => number): Int32Array {
    const { cells } = this.#stretch
    const ids = new Int32Array(cells.length)
    let state = 0
    for (const [i, cell] of cells.entries()) {
      const { backward } = this.#layers[i + 1]
      const open = this.#layers[i].edges.filter(({ from, to }) => from === state && backward[to] > NONE)
      if (typeof cell === "number") {
        ids[i] = cell
        state = open[0].to
        continue
      }
      const weights = new Float64Array(cell.logits.length).fill(NONE)
      const targets = new Int32Array(cell.logits.length)
      for (const { tokens, to } of open)
        for (const id of tokens!.ids) {
          weights[id] = cell.logits[id] - cell.most + backward[to]
          targets[id] = to
        }
      ids[i] = pick(i, weights)
      state = targets[ids[i]]
    }
    return ids
  }

  /** log of the probability that a token stands at a position, given that the grammar accepts all tokens. */
  logProbability(position: number, token: number): number {
    const { cells } = this.#stretch
    const cell = cells[position]
    if (typeof cell === "number") return cell === token ? 0 : NONE
    const { states, forward, edges } = this.#layers[position]
    const { backward } = this.#layers[position + 1]
    const score = cell.logits[token] - cell.most
    const targets = new Map<number, number>(edges.map(({ to }) => [this.#layers[position + 1].states[to], to]))
    const ways: number[] = []
    for (const [i, state] of states.entries()) {
      const to = targets.get(this.#after(state, token))
      if (to !== undefined && forward[i] > NONE) ways.push(forward[i] + score + backward[to])
    }
    return Math.min(0, logSum(ways) - this.#layers[0].backward[0])
  }

  #after(state: number, token: number): number {
    return stateAfter(this.#stretch, state, token)
  }

  /** Whether a state behind a position can still become whole text. */
  #isOpen(state: number, position: number): boolean {
    const { tokens, cells, left } = this.#stretch
    return state === END || (state !== DEAD && tokens.canComplete(state, cells.length - position - 1 + left))
  }

  /** From the first position to the last: which states are reached, and how. */
  #reach(): void {
    const { start, cells, witness } = this.#stretch
    let layer = newLayer([start])
    let known = start
    for (const [position, cell] of cells.entries()) {
      this.#layers.push(layer)
      const { states, edges, best } = layer
      const followed = this.#followed(layer, known, typeof cell === "number")
      known = this.#after(known, witness[position])
      if (!this.#isOpen(known, position)) throw new Error("the tokens that are known to be accepted are not")
      const next = new Map<number, number>()
      const ways: { best: number; from: number; token: number }[] = []
      for (const from of followed)
        for (const [target, tokens] of this.#steps(states[from], cell)) {
          if (!this.#isOpen(target, position)) continue
          const to = next.get(target) ?? next.size
          if (to === next.size) next.set(target, to)
          const { sum, most, likeliest } =
            typeof cell === "number" ? { sum: 0, most: 0, likeliest: cell } : cell.of(tokens!)
          edges.push({ from, to, tokens, weight: sum })
          if (!ways[to] || best[from] + most > ways[to].best)
            ways[to] = { best: best[from] + most, from, token: likeliest }
        }
      layer = newLayer([...next.keys()])
      for (const [to, way] of ways.entries()) {
        layer.best[to] = way.best
        layer.from[to] = way.from
        layer.token[to] = way.token
      }
    }
    this.#layers.push(layer)
  }

  /** Indices of the states to go on from: that of the witness, and the likeliest as far as the work goes. */
  #followed({ states, best }: Layer, witness: number, isKnown: boolean): number[] {
    const order = Array.from(states.keys())
    if (isKnown) return order
    const first = states.indexOf(witness)
    order.sort((a, b) => Number(b === first) - Number(a === first) || best[b] - best[a] || a - b)
    const chosen: number[] = []
    let visits = 0
    for (const i of order) {
      if (chosen.length === MOST_STATES || visits > MOST_VISITS) break
      if (states[i] !== END) visits += this.#stretch.tokens.successors(states[i]).visited
      chosen.push(i)
    }
    return chosen.sort((a, b) => a - b)
  }

  /** Where the tokens of a position lead. */
  *#steps(state: number, cell: Cell): Generator<[target: number, tokens: TokenSet | undefined]> {
    const { tokens, ends } = this.#stretch
    if (typeof cell === "number") yield [this.#after(state, cell), undefined]
    else {
      if (state !== END) for (const edge of tokens.successors(state).edges) yield [edge.target, edge.tokens]
      if (state === END || tokens.accepts(state)) yield [END, ends]
    }
  }

  /** The sums over all ways, from the first position on and from the last one back. */
  #weigh(): void {
    const layers = this.#layers
    layers[0].forward[0] = 0
    for (let i = 0; i + 1 < layers.length; i++) {
      const into: number[][] = layers[i + 1].states.map(() => [])
      for (const { from, to, weight } of layers[i].edges) into[to].push(layers[i].forward[from] + weight)
      layers[i + 1].forward = Float64Array.from(into, logSum)
    }
    let behind: ArrayLike<number> = layers[layers.length - 1].states.map(() => 0)
    for (let i = layers.length - 2; i >= 0; i--) {
      const out: number[][] = layers[i].states.map(() => [])
      for (const { from, to, weight } of layers[i].edges) out[from].push(weight + behind[to])
      layers[i].backward = Float64Array.from(out, logSum)
      behind = layers[i].backward
    }
  }
}

/** The state behind a token, END and what leads there included; or DEAD. */
export function stateAfter({ tokens, ends }: Pick<Stretch, "tokens" | "ends">, state: number, token: number): number {
  if (ends.ids.includes(token)) return state === END || tokens.accepts(state) ? END : DEAD
  return state === END ? DEAD : tokens.next(state, token)
}

const newLayer = (states: number[]): Layer => ({
  states,
  edges: [],
  forward: new Float64Array(states.length),
  backward: new Float64Array(states.length),
  best: new Float64Array(states.length),
  from: new Int32Array(states.length),
  token: new Int32Array(states.length),
})

function logSum(values: readonly number[]): number {
  let most = NONE
  for (const value of values) if (value > most) most = value
  if (most === NONE) return NONE
  let sum = 0
  for (const value of values) sum += Math.exp(value - most)
  return most + Math.log(sum)
}
