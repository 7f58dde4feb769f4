/** Bounds of all magnitudes, against Ajv. */

import fc from "fast-check"
import { expect, it } from "vitest"
import { judge } from "../../../test/support/random-schemas.js"
import { UserError } from "../../errors.js"
import { Automaton, DEAD } from "../automaton.js"
import { compileFormat } from "../format.js"

const automatonOf = (schema: unknown): Automaton => new Automaton(compileFormat({ type: "json_schema", schema }))

function accepts(automaton: Automaton, text: string): boolean {
  let state = automaton.start
  for (const byte of Buffer.from(text)) if (state !== DEAD) state = automaton.next(state, byte)
  return state !== DEAD && automaton.accepts(state)
}

/** A number of the grammar: which digits are taken `picks` say. */
function sample(automaton: Automaton, picks: readonly number[]): string {
  let [state, text] = [automaton.start, ""]
  for (const pick of picks) {
    const open = [..."-0123456789."].filter((mark) => automaton.next(state, mark.charCodeAt(0)) !== DEAD)
    if (open.length === 0) break
    const mark = open[pick % open.length]
    text += mark
    state = automaton.next(state, mark.charCodeAt(0))
  }
  while (!automaton.accepts(state)) {
    const byte = automaton.guide(state)
    text += String.fromCharCode(byte)
    state = automaton.next(state, byte)
  }
  return text
}

/** As many digits as can be told apart, some of them behind the point. */
const numbers = (decimals: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.boolean(),
      fc.oneof(
        fc
          .integer({ min: 1, max: 15 })
          .chain((length) => fc.bigInt(10n ** BigInt(length - 1), 10n ** BigInt(length) - 1n)),
        fc.constantFrom(0n, 1n, 10n ** 14n, 10n ** 15n - 1n),
      ),
      fc.nat(decimals),
    )
    .map(([negative, digits, places]) => {
      const padded = String(digits).padStart(places + 1, "0")
      const cut = padded.length - places
      const text = places > 0 ? `${padded.slice(0, cut)}.${padded.slice(cut)}` : padded
      return negative && digits > 0n ? `-${text}` : text
    })
    .filter((text) => text.replace(/\D/g, "").length <= 15)

const schemas = fc
  .tuple(
    fc.constantFrom("number", "integer"),
    fc.tuple(numbers(6), numbers(6)).map((both) => both.map(Number).sort((a, b) => a - b)),
    fc.constantFrom("least", "most", "both"),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([type, [least, most], which, excludesLeast, excludesMost]) => ({
    type,
    ...(which !== "most" && { [excludesLeast ? "exclusiveMinimum" : "minimum"]: least }),
    ...(which !== "least" && { [excludesMost ? "exclusiveMaximum" : "maximum"]: most }),
  }))

it("every number within bounds can be written, and no other", () => {
  let checked = 0
  fc.assert(
    fc.property(
      schemas,
      fc.array(numbers(6), { maxLength: 8 }),
      fc.array(fc.array(fc.nat(1000), { maxLength: 24 }), { minLength: 3, maxLength: 3 }),
      (schema, others, picks) => {
        const isValid = judge(schema)
        const { type, ...bounds } = schema
        const near = (Object.values(bounds) as number[]).flatMap((bound) =>
          [bound, Math.floor(bound), Math.ceil(bound)].map(String),
        )
        let automaton: Automaton
        try {
          automaton = automatonOf(schema)
        } catch (error) {
          if (!(error instanceof UserError)) throw error
          // Only where there is nothing between them.
          expect(Object.keys(bounds), error.message).toHaveLength(2)
          for (const text of [...near, ...others]) expect(isValid(Number(text)), text).toBe(false)
          return
        }
        for (const text of [...near, ...others]) {
          if (text === "-0" || (type === "integer" && text.includes("."))) continue
          checked++
          expect(accepts(automaton, text), text).toBe(isValid(Number(text)))
        }
        for (const own of picks) {
          const text = sample(automaton, own)
          expect(isValid(JSON.parse(text)), text).toBe(true)
        }
      },
    ),
    { numRuns: 500, seed: 11 },
  )
  expect(checked).toBeGreaterThan(1500)
})

it.each<[object, string[]]>([
  [{ minimum: 1_000_000_000 }, ["1000000000", "1000000000.5", "999999999999999"]],
  [{ maximum: -1_000_000_000 }, ["-1000000000", "-1000000000.00001", "-999999999999999"]],
  [{ exclusiveMinimum: 999_999_999_999_999 }, ["1000000000000000"]],
  [{ minimum: 123_456_789.123456 }, ["123456789.123456", "1234567890.12345"]],
  [{ minimum: 0.00000123456789 }, ["0.00000123456789", "12", "123456789012345"]],
])("%j is open on the other side", (bounds, texts) => {
  const own = { type: "number", ...bounds }
  for (const text of texts) expect(accepts(automatonOf(own), text), text).toBe(true)
  const object = automatonOf({ type: "object", properties: { a: own } })
  expect(accepts(object, `{"a":${texts[0]}}`)).toBe(true)
})

it("a number that would be read as the bound it must not be is not written", () => {
  const automaton = automatonOf({ type: "number", minimum: 0.00000123456789, exclusiveMaximum: 123_456_789_012_345 })
  expect(accepts(automaton, "123456789012344.99999999")).toBe(false)
  expect(accepts(automaton, "123456789012344")).toBe(true)
})
