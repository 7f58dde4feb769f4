/** JSON Schemas at random, of the keywords that answers can be held to; and an independent judge of values. */

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js"
import formats from "ajv-formats"
import fc from "fast-check"

const names = fc.constantFrom("a", "b", "name", "größe", 'q"uote', "")
const values = fc.constantFrom<unknown>(0, -1.5, "x", 'a "b"', "é😀", true, null, [1, "a"], { k: 2 })

const bounds = (whole: boolean): fc.Arbitrary<object> => {
  const number = whole
    ? fc.integer({ min: -120, max: 1200 })
    : fc.integer({ min: -1200, max: 12_000 }).map((n) => n / 100)
  return fc
    .tuple(number, number, fc.constantFrom("none", "least", "most", "both"), fc.boolean(), fc.boolean())
    .map(([a, b, which, excludesLeast, excludesMost]) => {
      // Far enough apart for a number between them.
      const [least, most] = [Math.min(a, b), Math.max(a, b) + 2]
      return {
        ...((which === "least" || which === "both") && { [excludesLeast ? "exclusiveMinimum" : "minimum"]: least }),
        ...((which === "most" || which === "both") && { [excludesMost ? "exclusiveMaximum" : "maximum"]: most }),
      }
    })
}
const lengths = (least: string, most: string): fc.Arbitrary<object> =>
  fc.tuple(fc.nat(3), fc.nat(3), fc.boolean(), fc.boolean()).map(([from, more, hasLeast, hasMost]) => ({
    ...(hasLeast && { [least]: from }),
    ...(hasMost && { [most]: from + more }),
  }))

const strings = fc.oneof(
  lengths("minLength", "maxLength"),
  fc.constantFrom("date", "time", "date-time", "email", "hostname", "ipv4", "uuid").map((format) => ({ format })),
  fc
    .constantFrom("^[a-z]{2,4}$", "^\\w+ \\d$", "x", '^["\\\\\\n]$', "^[^a]?$", "b$|^c")
    .map((pattern) => ({ pattern })),
)

/** Their objects list the properties that they require. */
export const { schema: schemas } = fc.letrec<{ schema: object; object: object }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, depthSize: "small", withCrossShrink: true },
    fc.constantFrom({ type: "boolean" }, { type: "null" }, { type: "integer" }, { type: "number" }, { type: "string" }),
    bounds(true).map((own) => ({ type: "integer", ...own })),
    bounds(false).map((own) => ({ type: "number", ...own })),
    strings.map((own) => ({ type: "string", ...own })),
    fc.array(values, { minLength: 1, maxLength: 3 }).map((all) => ({ enum: all })),
    values.map((value) => ({ const: value })),
    fc.constantFrom({}, { type: ["string", "null"] }, { type: "integer", nullable: true }),
    tie("object"),
    fc.tuple(tie("schema"), lengths("minItems", "maxItems")).map(([items, own]) => ({ type: "array", items, ...own })),
    fc
      .tuple(
        fc.array(tie("schema"), { minLength: 1, maxLength: 3 }),
        fc.option(tie("schema")),
        lengths("minItems", "maxItems"),
      )
      .map(([prefixItems, items, own]) => ({ type: "array", prefixItems, ...(items && { items }), ...own })),
    fc.array(tie("schema"), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc.tuple(tie("object"), tie("schema")).map(([one, other]) => ({
      oneOf: [{ type: "array", items: other }, { allOf: [one, { type: "object" }] }, { type: "null" }],
    })),
    fc.tuple(tie("schema"), fc.constantFrom("one", "two")).map(([own, name]) => ({
      $defs: { [name]: own },
      $ref: "#/$defs/list",
    })),
  ),
  object: fc
    .tuple(
      fc.uniqueArray(fc.tuple(names, tie("schema"), fc.boolean()), { selector: ([name]) => name, maxLength: 4 }),
      fc.option(fc.oneof(fc.boolean(), tie("schema"))),
    )
    .map(([properties, additionalProperties]) => ({
      type: "object",
      properties: Object.fromEntries(properties.map(([name, schema]) => [name, schema])),
      required: properties.filter(([, , isRequired]) => isRequired).map(([name]) => name),
      ...(additionalProperties !== null && { additionalProperties }),
    })),
}))

/** What `$ref` in these schemas refers to: a list that comes back to itself. */
const DEFINITIONS = {
  list: {
    type: "object",
    properties: { value: { type: "integer" }, next: { anyOf: [{ $ref: "#/$defs/list" }, { type: "null" }] } },
    required: ["value", "next"],
    additionalProperties: false,
  },
}

/** A whole schema, with what it refers to. */
export const withDefinitions = (schema: object): object => ({ ...schema, $defs: DEFINITIONS })

/** Judges values by a schema; knows nothing of how answers come about. */
export function judge(schema: object): ValidateFunction {
  const ajv = new Ajv2020({ strict: false })
  formats.default(ajv)
  return ajv.compile(schema)
}
