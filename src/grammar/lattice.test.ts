/** Which tokens a grammar lets stand where, against every way to write them. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { randomFrom } from "../data/prng.js"
import { DEAD } from "./automaton.js"
import { compileFormat } from "./format.js"
import { type Cell, END, Lattice, type Stretch, stateAfter } from "./lattice.js"
import { TokenAutomaton, Vocabulary } from "./token-automaton.js"
import { Scores } from "./token-scores.js"

const TEXTS = ["a", "b", "ab", "c", "abc", "bb", undefined, undefined]
const [EOS, OTHER] = [6, 7]
const ends = { ids: Int32Array.of(EOS) }
const bytesOf = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : Buffer.from(text)
const pieces = TEXTS.map(bytesOf)
const vocabulary = new Vocabulary({ inside: pieces, first: pieces })
const PATTERNS = ["(ab)*c?", "a{2,4}b", "(a|b)*abb", "[ab]{3}", "a?b?c?", "(abc|ab|a)+c", "b*"]

/** Every sequence of tokens that the grammar accepts, with its weight. */
function allWays({ tokens, cells, start, left }: Omit<Stretch, "witness">): { ids: number[]; weight: number }[] {
  let ways = [{ ids: [] as number[], state: start, weight: 1 }]
  for (const [i, cell] of cells.entries())
    ways = ways.flatMap(({ ids, state, weight }) =>
      TEXTS.flatMap((_, id) => {
        if (typeof cell === "number" && cell !== id) return []
        const next = stateAfter({ tokens, ends }, state, id)
        const isOpen = next === END || (next !== DEAD && tokens.canComplete(next, cells.length - i - 1 + left))
        const own = typeof cell === "number" ? 1 : Math.exp(cell.logits[id])
        return isOpen ? [{ ids: [...ids, id], state: next, weight: weight * own }] : []
      }),
    )
  return ways
}

/** A grammar, some positions of which some are known, and one way to fill them. */
const stretches = fc
  .record({
    pattern: fc.constantFrom(...PATTERNS),
    logits: fc.array(fc.array(fc.integer({ min: -30, max: 30 }), { minLength: 8, maxLength: 8 }), {
      minLength: 1,
      maxLength: 4,
    }),
    known: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    left: fc.integer({ min: -2, max: 3 }),
    choice: fc.nat(),
  })
  .map(({ pattern, logits, known, left, choice }) => {
    const tokens = new TokenAutomaton(compileFormat({ type: "regex", pattern }), vocabulary)
    const rows = logits.map((row) => new Scores(row.map((logit) => logit / 10)))
    const open = { tokens, ends, start: tokens.start, cells: rows, left }
    const ways = tokens.canComplete(tokens.start, rows.length + left) ? allWays(open) : []
    if (ways.length === 0) return undefined
    const witness = ways[choice % ways.length].ids
    const cells = rows.map((row, i): Cell => (known[i] ? witness[i] : row))
    return { ...open, cells, witness }
  })
  .filter((stretch) => stretch !== undefined)

describe("the completions of some positions", () => {
  it("the likeliest is the likeliest of all", () => {
    fc.assert(
      fc.property(stretches, (stretch) => {
        const best = Math.max(...allWays(stretch).map(({ weight }) => weight))
        const ids = [...new Lattice(stretch).likeliest()]
        const found = allWays(stretch).find((way) => way.ids.join() === ids.join())
        expect(found?.weight).toBeCloseTo(best, 9)
      }),
      { numRuns: 500, seed: 5 },
    )
  })

  it("probabilities are those among all", () => {
    fc.assert(
      fc.property(stretches, (stretch) => {
        const ways = allWays(stretch)
        const total = ways.reduce((sum, { weight }) => sum + weight, 0)
        const lattice = new Lattice(stretch)
        for (const position of stretch.cells.keys())
          for (const token of TEXTS.keys()) {
            const own = ways.reduce((sum, { ids, weight }) => sum + (ids[position] === token ? weight : 0), 0)
            expect(Math.exp(lattice.logProbability(position, token))).toBeCloseTo(own / total, 9)
          }
      }),
      { numRuns: 300, seed: 6 },
    )
  })

  it("are drawn as likely as they are", () => {
    const tokens = new TokenAutomaton(compileFormat({ type: "regex", pattern: "(a|b)*abb" }), vocabulary)
    const logits = [0.3, -0.2, 0.5, 0, 0.1, -0.4, 0.2, 0]
    const cells = [0, 1, 2].map((i) => new Scores(logits.map((logit) => logit * (i + 1))))
    const stretch = { tokens, ends, start: tokens.start, cells, left: 1, witness: [0, 5, EOS] }
    const ways = new Map(allWays(stretch).map(({ ids, weight }) => [ids.join(), weight]))
    const total = [...ways.values()].reduce((sum, weight) => sum + weight, 0)
    const lattice = new Lattice(stretch)
    const random = randomFrom(8)
    const pick = (_: number, weights: Float64Array): number => {
      const all = weights.map(Math.exp)
      const reach = random() * all.reduce((sum, weight) => sum + weight, 0)
      return all.findIndex((_, id) => all.subarray(0, id + 1).reduce((sum, weight) => sum + weight, 0) > reach)
    }
    const counts = new Map<string, number>()
    const draws = 20_000
    for (let i = 0; i < draws; i++) {
      const key = lattice.draw(pick).join()
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    expect(ways.size).toBeGreaterThan(5)
    for (const key of counts.keys()) expect(ways.has(key)).toBe(true)
    for (const [key, weight] of ways) expect((counts.get(key) ?? 0) / draws).toBeCloseTo(weight / total, 1.7)
  })

  it("what is known to be accepted stays, and what is not is an error of the caller", () => {
    const tokens = new TokenAutomaton(compileFormat({ type: "regex", pattern: "ab" }), vocabulary)
    const cells = [new Scores(new Float64Array(8))]
    const stretch = { tokens, ends, start: tokens.start, cells, left: 1 }
    expect(() => new Lattice({ ...stretch, witness: [3] })).toThrow("are not")
    expect([...new Lattice({ ...stretch, witness: [0] }).likeliest()]).toEqual([0])
    expect(() => new Lattice({ ...stretch, witness: [OTHER] })).toThrow("are not")
  })
})

describe("tokens of a grammar", () => {
  it("those that may follow are those that lead on", () => {
    for (const pattern of PATTERNS) {
      const tokens = new TokenAutomaton(compileFormat({ type: "regex", pattern }), vocabulary)
      const seen = new Set([tokens.start])
      for (const state of seen) {
        const found = new Map<number, number>()
        for (const { target, tokens: set } of tokens.successors(state).edges)
          for (const id of set.ids) found.set(id, target)
        for (const id of TEXTS.keys()) expect(found.get(id) ?? DEAD, pattern).toBe(tokens.next(state, id))
        for (const target of found.values()) seen.add(target)
      }
    }
  })

  it("a text is completed in as few tokens as are counted, and never in fewer than it takes", () => {
    for (const pattern of PATTERNS) {
      const tokens = new TokenAutomaton(compileFormat({ type: "regex", pattern }), vocabulary)
      const seen = new Map([[tokens.start, 0]])
      for (const [state, depth] of seen) {
        // Breadth first: the fewest tokens of any text.
        let reached = new Set([state])
        let fewest = 0
        while (![...reached].some((state) => tokens.accepts(state))) {
          reached = new Set([...reached].flatMap((state) => tokens.successors(state).edges.map(({ target }) => target)))
          fewest++
        }
        const counted = tokens.completion(state)
        expect(counted).toBeGreaterThanOrEqual(fewest)
        expect(tokens.canComplete(state, counted)).toBe(true)
        if (counted > 0) expect(tokens.completion(tokens.next(state, tokens.guide(state)))).toBe(counted - 1)
        if (depth < 4) for (const { target } of tokens.successors(state).edges) seen.set(target, depth + 1)
      }
    }
  })

  it("a blank that the first token loses is not asked for", () => {
    const inside = [" a", "a", " ", "b"].map(bytesOf)
    const first = ["a", "a", "", "b"].map(bytesOf)
    const tokens = new TokenAutomaton(
      compileFormat({ type: "regex", pattern: "ab? a" }),
      new Vocabulary({ inside, first }),
    )
    const begins = tokens.next(tokens.start, 0)
    expect(begins).toBe(tokens.next(tokens.start, 1))
    expect(tokens.next(tokens.start, 2)).toBe(DEAD)
    expect(tokens.accepts(tokens.next(begins, 0))).toBe(true)
    expect(tokens.completion(tokens.start)).toBe(2)
  })

  it("where a byte is no token by itself, characters and longer tokens write it", () => {
    const over = (pattern: string, ...texts: string[]): TokenAutomaton => {
      const pieces = texts.map(bytesOf)
      const grammar = compileFormat({ type: "regex", pattern })
      return new TokenAutomaton(grammar, new Vocabulary({ inside: pieces, first: pieces }))
    }
    const some = over("(ab)*c", "ab", "c")
    expect(some.completion(some.start)).toBe(1)
    expect(some.canComplete(some.next(some.start, 0), 1)).toBe(true)
    const never = over("ac", "ab", "c")
    expect(never.completion(never.start)).toBe(Number.POSITIVE_INFINITY)
    expect(never.canComplete(never.start, 100)).toBe(false)
    const character = over("aé", "a", "é")
    expect(character.completion(character.start)).toBe(2)
    expect(character.canComplete(character.start, 1)).toBe(false)
  })
})
