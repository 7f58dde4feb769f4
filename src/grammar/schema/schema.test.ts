/** JSON Schemas, against Ajv: every text of the grammar is valid, and plain valid texts are in it. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { judge, schemas, withDefinitions } from "../../../test/support/random-schemas.js"
import { randomFrom } from "../../data/prng.js"
import { UserError } from "../../errors.js"
import { Automaton, DEAD } from "../automaton.js"
import { type AnswerFormat, compileFormat } from "../format.js"

const automatonOf = (schema: unknown): Automaton => new Automaton(compileFormat({ type: "json_schema", schema }))

function accepts(automaton: Automaton, text: string): boolean {
  const end = Buffer.from(text).reduce(
    (state, byte) => (state === DEAD ? DEAD : automaton.next(state, byte)),
    automaton.start,
  )
  return end !== DEAD && automaton.accepts(end)
}

const MARKS = Buffer.from('"{}[],: -.019eE\\nutf@TZ')

/** A text of the grammar: bytes at random, and the shortest way to the end after so many. */
function sample(automaton: Automaton, random: () => number, bytes: number): string {
  const text: number[] = []
  let state = automaton.start
  while (!(automaton.accepts(state) && (text.length >= bytes || random() < 0.2))) {
    const tried = Array.from({ length: text.length < bytes ? 10 : 0 }, () =>
      random() < 0.6 ? MARKS[Math.floor(random() * MARKS.length)] : Math.floor(random() * 256),
    )
    const open = tried.find((byte) => {
      const next = automaton.next(state, byte)
      return next !== DEAD && automaton.shortest(next) < Number.POSITIVE_INFINITY
    })
    if (open === undefined && automaton.accepts(state)) break
    const byte = open ?? automaton.guide(state)
    text.push(byte)
    state = automaton.next(state, byte)
  }
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(text))
}

describe("schemas at random", () => {
  it("every text is JSON that Ajv finds valid", () => {
    let texts = 0
    fc.assert(
      fc.property(schemas, fc.nat(), (own, seed) => {
        const schema = withDefinitions(own)
        let automaton: Automaton
        try {
          automaton = automatonOf(schema)
        } catch (error) {
          // No answer at all, or one of the rules that are refused.
          if (error instanceof UserError) return
          throw error
        }
        const isValid = judge(schema)
        const random = randomFrom(seed)
        for (const bytes of [0, 10, 60]) {
          const text = sample(automaton, random, bytes)
          texts++
          expect(isValid(JSON.parse(text)), `${text} for ${JSON.stringify(schema)}`).toBe(true)
        }
      }),
      { numRuns: 150, seed: 4 },
    )
    expect(texts).toBeGreaterThan(250)
  })
})

describe("texts of schemas", () => {
  const person = {
    type: "object",
    properties: {
      name: { type: "string" },
      age: { type: "integer", minimum: 0 },
      tags: { type: "array", items: { type: "string" } },
    },
    required: ["name"],
  }
  it.each<[string, unknown, string[], string[]]>([
    [
      "optional properties, in their order",
      person,
      ['{"name":"a"}', '{"name": "a", "tags": ["x", "y"]}', '{"name":"a","age":0,"tags":[]}'],
      [
        '{"age":1}',
        '{"tags":[],"name":"a"}',
        '{"name":"a",}',
        '{"name":"a","x":1}',
        '{"name":"a","age":-1}',
        '{ "name":"a"}',
        '{"name":"a","age":01}',
      ],
    ],
    [
      "strings as JSON writes them",
      { type: "string" },
      ['""', '"é😀"', '"\\n\\u00e9\\\\"', '"\\ud83d\\ude00"'],
      ['"', '"\n"', '"\\x"', '"\\ud83d"', '"\\ude00"', "a"],
    ],
    [
      "lengths in characters",
      { type: "string", minLength: 2, maxLength: 3 },
      ['"ab"', '"😀é"', '"\\u00e9\\n"', '"\\ud83d\\ude00aa"'],
      ['"a"', '"abcd"', '"\\ud83d\\ude00"'],
    ],
    [
      "patterns, with what must be escaped",
      { type: "string", pattern: '^["\\\\/\\t]+$' },
      ['"\\""', '"\\\\/\\t"'],
      ['"a"', '"""', '"\\u0022"'],
    ],
    [
      "additional properties",
      { type: "object", properties: { id: { type: "integer" } }, additionalProperties: { type: "string" } },
      ["{}", '{"id":1,"x":"y"}', '{"idx":"","i":"","":"a"}'],
      ['{"id":"x"}', '{"x":1}', '{"x":"y","id":1}', '{"i\\u0064":"x"}'],
    ],
    ["anything", {}, ["1", "[[]]", '{"a":{"b":[null,true]}}', '"x"', "-1.5e10"], ["", "[1,]", "{a:1}", "1e999", "+1"]],
    [
      "bounds",
      { type: "number", exclusiveMinimum: 0, maximum: 1 },
      ["0.5", "1", "1.0", "0.000001"],
      ["0", "0.0", "1.1", "-0.5", "1.01", "2"],
    ],
    [
      "bounds on both sides of zero",
      { type: "number", minimum: -1.25, maximum: 0.5 },
      ["-1.25", "-1.2", "-0.9", "0", "0.5", "-1"],
      ["-1.26", "-1.3", "0.51", "-2", "1"],
    ],
    [
      "whole numbers",
      { type: "integer", minimum: -12, exclusiveMaximum: 105 },
      ["-12", "0", "-1", "99", "104"],
      ["-13", "105", "1.0", "-0", "00"],
    ],
    [
      "first items of their own",
      {
        type: "array",
        prefixItems: [{ type: "integer" }, { type: "boolean" }],
        items: { type: "null" },
        minItems: 1,
        maxItems: 3,
      },
      ["[1]", "[1, true]", "[1,false,null]"],
      ["[]", "[true]", "[1,true,null,null]", "[1,null]"],
    ],
    [
      "lists of values",
      { enum: ["a", 1, null, { b: [1] }], type: ["string", "object"] },
      ['"a"', '{"b":[1]}'],
      ["1", "null"],
    ],
    [
      "all of",
      { allOf: [person, { properties: { name: { maxLength: 2 } }, required: ["age"] }] },
      ['{"name":"ab","age":1}'],
      ['{"name":"abc","age":1}', '{"name":"a"}'],
    ],
    [
      "references that come back",
      { $ref: "#/$defs/tree", $defs: { tree: { type: "array", items: { $ref: "#/$defs/tree" } } } },
      ["[]", "[[[]], []]"],
      ["[1]"],
    ],
    [
      "what stands beside alternatives",
      {
        type: "object",
        properties: { a: { type: "integer" }, b: { type: "integer" } },
        anyOf: [{ required: ["a"] }, { required: ["b"] }],
      },
      ['{"a":1}', '{"b":1}', '{"a":1,"b":2}'],
      ["{}"],
    ],
    [
      "exactly one of",
      {
        oneOf: [
          { type: "object", properties: { kind: { const: "x" }, x: { type: "integer" } }, required: ["kind", "x"] },
          { type: "object", properties: { kind: { const: "y" } }, required: ["kind"] },
        ],
      },
      ['{"kind":"x","x":1}', '{"kind":"y"}'],
      ['{"kind":"x"}', '{"kind":"z"}'],
    ],
    ["keys that are required and not described", { type: "object", required: ["a"] }, ['{"a":[1]}'], ["{}", '{"b":1}']],
  ])("%s", (_, schema, inside, outside) => {
    const automaton = automatonOf(schema)
    for (const text of inside) expect(accepts(automaton, text), text).toBe(true)
    for (const text of outside) expect(accepts(automaton, text), text).toBe(false)
  })

  it("a JSON object is any, and nothing else", () => {
    const automaton = new Automaton(compileFormat({ type: "json_object" }))
    for (const text of ["{}", '{"a":[{}],"":""}']) expect(accepts(automaton, text)).toBe(true)
    for (const text of ["[]", "1", '{"a"}', "{}{}"]) expect(accepts(automaton, text)).toBe(false)
  })
})

describe("what cannot be followed is refused by its place", () => {
  it.each<[unknown, string, string]>([
    [{ not: {} }, "#/not", 'the keyword "not"'],
    [
      { type: "object", properties: { a: { type: "array", uniqueItems: true } } },
      "#/properties/a/uniqueItems",
      "uniqueItems",
    ],
    [{ properties: { "a/b": { patternProperties: {} } } }, "#/properties/a~1b/patternProperties", "patternProperties"],
    [{ type: "strnig" }, "#/type", "type must be one of"],
    [{ type: "string", format: "uri" }, "#/format", 'the format "uri"'],
    [{ type: "string", pattern: "(?=a)" }, "#/pattern", "lookarounds"],
    [{ type: "string", pattern: "^a*$", minLength: 2 }, "#/minLength", "a length beside a pattern"],
    [{ type: "string", minLength: -1 }, "#/minLength", "minLength must be"],
    [{ enum: ["a"], minLength: 1 }, "#/minLength", "beside enum"],
    [{ oneOf: [{ type: "string" }, { maxLength: 3 }] }, "#/oneOf", "may both hold"],
    [{ $ref: "other.json" }, "#/$ref", "is not supported"],
    [{ $ref: "#/$defs/x" }, "#/$ref", "there is nothing at"],
    [{ anyOf: [{ $ref: "#" }, { type: "null" }] }, "#", "refers to itself"],
    [{ type: "array", items: [{}] }, "#/items", "a list of items"],
    [{ type: "number", minimum: 1e300 }, "#/minimum", "more digits"],
    [{ type: "number", multipleOf: 2 }, "#/multipleOf", "multipleOf"],
    [[], "#", "a schema is an object"],
    [
      { allOf: [{ properties: { a: {} }, additionalProperties: false }, { properties: { b: {} } }] },
      "#/additionalProperties",
      "cannot be followed",
    ],
  ])("%j", (schema, place, why) => {
    const refusal = (): UserError => {
      try {
        compileFormat({ type: "json_schema", schema })
      } catch (error) {
        if (error instanceof UserError) return error
        throw error
      }
      throw new Error("it was not refused")
    }
    expect(refusal().where).toBe(`schema ${place}`)
    expect(refusal().message).toContain(why)
  })

  it.each<[unknown]>([
    [{ type: "integer", minimum: 3, maximum: 2 }],
    [{ type: "object", required: ["a"], additionalProperties: false }],
    [{ allOf: [{ type: "string" }, { type: "null" }] }],
    [{ type: "array", items: false, minItems: 1 }],
    [{ type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }],
    [false],
  ])("%j leaves no answer", (schema) => {
    expect(() => compileFormat({ type: "json_schema", schema })).toThrow("no answer can have this format")
  })

  it.each<[unknown, string]>([
    [undefined, "a format has a type"],
    [{ type: "xml" }, "a format has a type"],
    [{ type: "regex" }, "has a pattern"],
    [{ type: "json_schema" }, "has no schema"],
    [{ type: "json_schema", schema: { title: "x".repeat(200_000) } }, "characters"],
  ])("%# is no format", (format, why) => {
    expect(() => compileFormat(format as AnswerFormat)).toThrow(why)
  })

  it("schemas that grow when they are put together are given up early", () => {
    const level = (i: number): object => ({
      anyOf: [1, 2].map((minLength) => ({ $ref: `#/$defs/${i + 1}`, minLength })),
    })
    const $defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [i, i === 39 ? { type: "string" } : level(i)]),
    )
    expect(() => compileFormat({ type: "json_schema", schema: { $ref: "#/$defs/0", $defs } })).toThrow("too large")
    expect(() =>
      compileFormat({ type: "json_schema", schema: JSON.parse(`${'{"items":'.repeat(300)}{}${"}".repeat(300)}`) }),
    ).toThrow("nested")
    const properties = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`p${i}`, { type: "null" }]))
    expect(() => compileFormat({ type: "json_schema", schema: { properties } })).toThrow("the format is too large")
    const named = { properties: { ["n".repeat(300)]: {} }, additionalProperties: true }
    expect(() => compileFormat({ type: "json_schema", schema: named })).toThrow("names of more than 200 characters")
    const words = ["a".repeat(40_000), `${"a".repeat(40_000)}b`]
    expect(accepts(automatonOf({ enum: words }), JSON.stringify(words[1]))).toBe(true)
    const chain = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`p${i}`, { type: "null" }]))
    expect(accepts(automatonOf({ properties: chain }), '{"p3":null,"p80":null}')).toBe(true)
  })
})
