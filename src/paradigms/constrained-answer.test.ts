/** What is predicted for the masked tokens of an answer that must have a format. */

import { describe, expect, it } from "vitest"
import { randomFrom } from "../data/prng.js"
import { compileFormat } from "../grammar/format.js"
import { TokenAutomaton, Vocabulary } from "../grammar/token-automaton.js"
import { tensor } from "../torch/index.js"
import { ConstrainedAnswer, constrainedRows } from "./constrained-answer.js"
import { EqualLogitsError, NotFiniteError } from "./not-finite.js"

const TEXTS = ["a", "b", "c", "ab", "abc", ...Array.from('{}":, 12'), '{"', '":', "\u{1F600}"]
const EOS = TEXTS.length
const VOCABULARY = EOS + 2
const pieces = TEXTS.map((text) => Buffer.from(text))
const vocabulary = new Vocabulary({ inside: pieces, first: pieces })

/** An answer behind a prompt of 3 tokens, all masked at first. */
function answer(pattern: string, genLength: number, length = genLength) {
  const tokens = new TokenAutomaton(compileFormat({ type: "regex", pattern }), vocabulary)
  const ids: (number | undefined)[] = [7, 7, 7, ...new Array<undefined>(length).fill(undefined)]
  const sequence = { length: ids.length, known: (position: number) => ids[position] }
  const constraint = { tokens, ends: { ids: Int32Array.of(EOS) } }
  return { ids, constrained: new ConstrainedAnswer(constraint, sequence, { start: 3, genLength }) }
}
const rows = (random: () => number, count: number): Float32Array[] =>
  Array.from({ length: count }, () => Float32Array.from({ length: VOCABULARY }, () => 8 * random()))
const textOf = (ids: readonly (number | undefined)[]): string =>
  ids
    .slice(3, ids.indexOf(EOS) < 0 ? undefined : ids.indexOf(EOS))
    .map((id) => TEXTS[id!])
    .join("")

describe("masked tokens of an answer with a format", () => {
  it("are the most likely ones where the format allows these, as sure as they are among those it allows", () => {
    const { constrained } = answer("[abc]{2}", 2)
    const given = rows(randomFrom(1), 2)
    const { ids, confidences } = constrained.choose(given, Int32Array.of(3, 4), [], {})
    const allowed = [0, 1, 2]
    for (const [i, row] of given.entries()) {
      const best = allowed.reduce((best, id) => (row[id] > row[best] ? id : best))
      // "ab" and then the end is allowed too, and here less likely.
      expect(ids[i]).toBe(best)
    }
    const weight = (first: number, second: number): number => Math.exp(given[0][first] + given[1][second])
    const total = allowed.flatMap((a) => allowed.map((b) => weight(a, b))).reduce((sum, w) => sum + w, weight(3, EOS))
    const own = allowed.map((b) => weight(ids[0], b)).reduce((sum, w) => sum + w, 0)
    expect(confidences[0]).toBeCloseTo(own / total, 5)
  })

  it("what the format forces is certain, and behind its end only ends follow", () => {
    const { constrained } = answer("ab{3}c", 6, 8)
    const given = rows(randomFrom(2), 8)
    const positions = Int32Array.from({ length: 8 }, (_, i) => 3 + i)
    const { ids, confidences, logConfidences } = constrained.choose(given, positions, [], {})
    expect(TEXTS[ids[0]][0]).toBe("a")
    expect([...ids].slice(6)).toEqual([EOS, EOS])
    expect([...confidences].slice(6)).toEqual([1, 1])
    expect(logConfidences[7]).toBe(0)
    const forced = answer("ccc", 3)
    expect([...forced.constrained.choose(rows(randomFrom(3), 3), Int32Array.of(3, 4, 5), [], {}).confidences]).toEqual([
      1, 1, 1,
    ])
  })

  it.each([0, 0.7, 3])(
    "any of them may become final, in any order and in blocks of any size: temperature %d",
    (temperature) => {
      const random = randomFrom(4)
      const patterns = ['\\{"(a|b|c){1,3}": ?[12]{1,4}(, "c")*\\}', "(abc|a)*b{2}", "\u{1F600}+c?", "[^1]{0,6}1"]
      for (let round = 0; round < 120; round++) {
        const pattern = patterns[round % patterns.length]
        const genLength = 7 + Math.floor(random() * 12)
        const block = 1 + Math.floor(random() * 9)
        const length = Math.ceil(genLength / block) * block
        const { ids, constrained } = answer(pattern, genLength, length)
        for (let start = 3; start < 3 + length; start += block)
          for (;;) {
            const masked = Array.from({ length: block }, (_, i) => start + i).filter((row) => ids[row] === undefined)
            if (masked.length === 0) break
            const uniforms = masked.map(random)
            const options = { temperature, topK: round % 3 === 0 ? 2 : 0, topP: round % 2 === 0 ? 0.8 : 1 }
            const { ids: chosen, confidences } = constrained.choose(
              rows(random, masked.length),
              Int32Array.from(masked),
              uniforms,
              options,
            )
            for (const confidence of confidences) expect(confidence > 0 && confidence <= 1).toBe(true)
            const sure = masked.filter(() => random() < 0.4)
            for (const row of sure.length > 0 ? sure : [masked[0]]) ids[row] = chosen[masked.indexOf(row)]
          }
        expect(textOf(ids.slice(0, 3 + genLength))).toMatch(new RegExp(`^(?:${pattern})$`, "u"))
      }
    },
  )

  it("are drawn as likely as the format makes them; topK 1 draws the likeliest", () => {
    const given = rows(randomFrom(5), 2)
    const random = randomFrom(6)
    const draws = 4000
    const counts = new Map<number, number>()
    const draw = (options: object): number => {
      const { constrained } = answer("[abc]c", 2)
      return constrained.choose(given, Int32Array.of(3, 4), [random(), random()], { temperature: 4, ...options }).ids[0]
    }
    for (let i = 0; i < draws; i++) {
      const id = draw({})
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    const { constrained } = answer("[abc]c", 2)
    const { ids, confidences } = constrained.choose(given, Int32Array.of(3, 4), [0.5, 0.5], { temperature: 4 })
    expect((counts.get(ids[0]) ?? 0) / draws).toBeCloseTo(confidences[0], 1.5)
    const likeliest = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0]
    expect(Array.from({ length: 20 }, () => draw({ topK: 1 }))).toEqual(new Array(20).fill(likeliest))
    // As sure as without a temperature, where that is asked for.
    const plain = answer("[abc]c", 2).constrained.choose(given, Int32Array.of(3, 4), [0.5, 0.5], {
      temperature: 4,
      confidenceFrom: "unmodified",
    })
    expect(plain.confidences[0]).not.toBeCloseTo(confidences[0], 2)
  })

  it("numbers of the model that are broken are noticed, and guidance moves them", () => {
    const row = [1, 2, 3]
    const read = (...values: number[]) => constrainedRows(tensor(values, [1, values.length]))
    expect([...read(...row)[0]]).toEqual(row)
    expect(() => read(1, Number.NaN, 2)).toThrow(NotFiniteError)
    expect(() => read(1, Number.NEGATIVE_INFINITY, 2)).toThrow(NotFiniteError)
    expect(() => read(2, 2, 2)).toThrow(EqualLogitsError)
    const guided = constrainedRows(tensor(row, [1, 3]), { logits: tensor([0, 3, 1], [1, 3]), scale: 0.5 })
    expect([...guided[0]]).toEqual([1.5, 1.5, 4])
  })
})
