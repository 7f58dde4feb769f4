/** Patterns, against JavaScript's own regular expressions. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Automaton, DEAD } from "./automaton.js"
import { utf8 } from "./code-points.js"
import { compileFormat } from "./format.js"
import { GrammarBuilder } from "./nodes.js"
import { regexGrammar } from "./regex.js"

function matcher(pattern: string, whole = true): (text: string) => boolean {
  const builder = new GrammarBuilder()
  const automaton = new Automaton(regexGrammar(builder, pattern, { encode: (set) => utf8(builder, set), whole }))
  return (text) => {
    let state = automaton.start
    for (const byte of Buffer.from(text)) {
      state = automaton.next(state, byte)
      if (state === DEAD) return false
    }
    return automaton.accepts(state)
  }
}

const ALPHABET = ["a", "b", "c", "-", "1", "_", " ", "\n", "é", "€", "😀", "\u2028", "A", "]", "^", "."]
const texts = fc.array(fc.constantFrom(...ALPHABET), { maxLength: 8 }).map((parts) => parts.join(""))

const literal = fc.constantFrom(
  "a",
  "b",
  "c",
  "1",
  "_",
  "é",
  "€",
  "😀",
  "-",
  "\\.",
  "\\]",
  "\\^",
  "\\n",
  "\\u20ac",
  "\\x61",
)
const shorthand = fc.constantFrom("\\d", "\\D", "\\w", "\\W", "\\s", "\\S", ".", "\\p{L}", "\\P{Lu}")
const member = fc.oneof(
  literal,
  fc.constantFrom("\\d", "\\W", "\\s", "\\p{Lu}", "a-c", "\\-", "0-9", "à-€", "\\u{1F600}"),
)
const characterClass = fc
  .tuple(
    fc.boolean(),
    fc.array(
      member.filter((text) => text !== "-"),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([negated, members]) => `[${negated ? "^" : ""}${members.join("")}]`)
const quantifier = fc.constantFrom("", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?", "??", "{0}", "{0,2}?")
const { pattern: patterns } = fc.letrec<{ pattern: string; sequence: string; term: string }>((tie) => ({
  pattern: fc.array(tie("sequence"), { minLength: 1, maxLength: 3 }).map((branches) => branches.join("|")),
  sequence: fc.array(tie("term"), { maxLength: 4 }).map((terms) => terms.join("")),
  term: fc
    .tuple(
      fc.oneof(
        { depthSize: "small" },
        literal,
        shorthand,
        characterClass,
        fc.tuple(fc.constantFrom("(", "(?:", "(?<n>"), tie("pattern")).map(([open, inside]) => `${open}${inside})`),
      ),
      quantifier,
    )
    .map(([atom, quantifier]) => atom + quantifier),
}))
/** A name may stand once in a pattern of JavaScript. */
const namedOnce = (pattern: string): string => {
  let names = 0
  return pattern.replaceAll("(?<n>", () => `(?<n${names++}>`)
}

describe("patterns", () => {
  it("match the whole text where JavaScript's do", () => {
    let matched = 0
    fc.assert(
      fc.property(patterns.map(namedOnce), fc.array(texts, { minLength: 10, maxLength: 10 }), (pattern, samples) => {
        const matches = matcher(pattern)
        const expected = new RegExp(`^(?:${pattern})$`, "u")
        for (const sample of samples) {
          const isMatch = expected.test(sample)
          if (isMatch) matched++
          expect(matches(sample), `${pattern} on ${JSON.stringify(sample)}`).toBe(isMatch)
        }
      }),
      { numRuns: 400, seed: 1 },
    )
    expect(matched).toBeGreaterThan(100)
  })

  it("are found anywhere, where they are not anchored", () => {
    const anchored = fc
      .tuple(fc.boolean(), patterns, fc.boolean())
      .map(([begins, pattern, ends]) =>
        [begins && "^", namedOnce(`(?:${pattern})`), ends && "$"].filter(Boolean).join(""),
      )
    fc.assert(
      fc.property(fc.array(anchored, { minLength: 1, maxLength: 2 }), texts, (branches, sample) => {
        const pattern = namedOnce(branches.join("|").replaceAll(/\(\?<n\d+>/g, "(?<n>"))
        expect(matcher(pattern, false)(sample), pattern).toBe(new RegExp(pattern, "u").test(sample))
      }),
      { numRuns: 300, seed: 2 },
    )
  })

  it("write every character as UTF-8", () => {
    const matches = matcher("[^\\u{10000}]")
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x10ffff }), (code) => {
        fc.pre(code < 0xd800 || code > 0xdfff)
        expect(matches(String.fromCodePoint(code))).toBe(code !== 0x10000)
      }),
      { numRuns: 2000, seed: 3 },
    )
    const outside = (bytes: number[]): boolean => {
      const builder = new GrammarBuilder()
      const automaton = new Automaton(utf8(builder, [[0, 0x10ffff]]))
      return (
        bytes.reduce((state, byte) => (state === DEAD ? DEAD : automaton.next(state, byte)), automaton.start) === DEAD
      )
    }
    for (const bytes of [[0xc0], [0xc1], [0xe0, 0x80], [0xed, 0xa0], [0xf0, 0x80], [0xf4, 0x90], [0xf5], [0x80]])
      expect(outside(bytes)).toBe(true)
  })

  it.each([
    ["(?=a)b", "lookarounds"],
    ["(?<!a)b", "lookarounds"],
    ["(a)\\1", "back references"],
    ["(?<x>a)\\k<x>", "back references"],
    ["\\bword", "word boundaries"],
    ["a^b", "^ can stand at the beginning"],
    ["(a$)b", "$ can stand at the end"],
    ["a$b", "$ can stand at the end"],
    ["a++", "possessive"],
    ["*a", "nothing to repeat"],
    ["a**", "nothing to repeat"],
    ["a{3,2}", "the wrong way round"],
    ["a{2000000}", "more than 1000000 repetitions"],
    ["a{b", "\\{"],
    ["(a", "a group has no end"],
    ["a)", "closed that was not opened"],
    ["[a", "a class has no end"],
    ["[b-a]", "a range in a class"],
    ["\\q", "no escape \\q"],
    ["\\p{Nothing}", "\\p takes"],
    ["a\\", "ends with a backslash"],
    ["(?i)a", "only groups"],
    ["\\u12", "\\u four"],
    ["[^\\s\\S]", "no answer can have this format"],
  ])("%s is refused in a sentence", (pattern, why) => {
    expect(() => compileFormat({ type: "regex", pattern })).toThrow(why)
  })

  it("are counted before they are followed", () => {
    expect(matcher("(a{1000}){1000}b?")("a")).toBe(false)
    expect(() => compileFormat({ type: "regex", pattern: "(".repeat(5000) })).toThrow("nested more than")
    const nested = `${"(?:".repeat(150)}a?b?c?d?${")*".repeat(150)}`
    expect(matcher(nested)("abcdcba")).toBe(true)
    expect(() => compileFormat({ type: "regex", pattern: "a?".repeat(60_000) })).toThrow("characters")
    expect(() => matcher(`(?:${"\\p{L}?".repeat(5000)}){2}`)).toThrow("too many parts")
    expect(() => matcher(`[${"\\p{L}".repeat(5000)}]`)).toThrow("too many parts")
    const ambiguous = matcher("(a|aa|aaa){3000}b|(?:a?){3000}c")
    expect(() => ambiguous("a".repeat(3000))).toThrow("too many ways")
  })
})
