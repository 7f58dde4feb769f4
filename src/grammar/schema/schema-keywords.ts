/** The keywords of JSON Schema that are followed, and those that say nothing about what is valid. All others are refused. */

import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { TYPES, type TypeName } from "./schema-types.js"

/** A schema that is an object. */
export type Schema = Readonly<Record<string, unknown>>

/** Keywords that speak of values of one type, and are of no account for others. */
export const KEYWORDS_OF: Readonly<Record<string, readonly TypeName[]>> = {
  properties: ["object"],
  required: ["object"],
  additionalProperties: ["object"],
  items: ["array"],
  prefixItems: ["array"],
  minItems: ["array"],
  maxItems: ["array"],
  minLength: ["string"],
  maxLength: ["string"],
  pattern: ["string"],
  format: ["string"],
  minimum: ["number"],
  maximum: ["number"],
  exclusiveMinimum: ["number"],
  exclusiveMaximum: ["number"],
}

const OTHERS = ["type", "nullable", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"]

const ANNOTATIONS = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "example",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "contentEncoding",
  "contentMediaType",
])
const CONSTRAINTS = new Set([...Object.keys(KEYWORDS_OF), ...OTHERS])

/** Where in a schema something stands: the steps of a JSON pointer. */
export type SchemaPath = readonly (string | number)[]

export const pointer = (path: SchemaPath): string =>
  `#${path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")}`

export function refused(path: SchemaPath, what: string, fix?: string): UserError {
  return new UserError(what, { where: `schema ${pointer(path)}`, fix })
}

export const isSchemaObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * The keywords of a schema that say what is valid.
 * @throws UserError naming the place of a keyword that is not followed, or whose value is none that it can have
 */
export function constraintsOf(schema: unknown, path: SchemaPath): Schema {
  if (schema === true) return {}
  if (!isSchemaObject(schema)) throw refused(path, `a schema is an object or true, not ${shown(schema)}`)
  const found: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) {
    if (ANNOTATIONS.has(key) || value === undefined) continue
    if (!CONSTRAINTS.has(key))
      throw refused(
        [...path, key],
        `the keyword ${shown(key)} is not supported`,
        "leave it out, or say the same with the keywords of docs/guide/structured-output.md",
      )
    checkValue(key, value, [...path, key])
    found[key] = value
  }
  return found
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isList = (value: unknown): boolean => Array.isArray(value) && value.length > 0
const isNames = (value: unknown): boolean => Array.isArray(value) && value.every((name) => typeof name === "string")
const isType = (value: unknown): boolean => TYPES.some((type) => type === value)

/** [what a keyword's value must be, whether one is]. */
const VALUES: Readonly<Record<string, readonly [must: string, holds: (value: unknown) => boolean]>> = {
  type: [
    `one of ${TYPES.join(", ")}, or a list of them`,
    (value) => (isList(value) ? (value as unknown[]).every(isType) : isType(value)),
  ],
  nullable: ["true or false", (value) => typeof value === "boolean"],
  enum: ["a list of values", isList],
  anyOf: ["a list of schemas", isList],
  oneOf: ["a list of schemas", isList],
  allOf: ["a list of schemas", isList],
  $ref: ["a text", (value) => typeof value === "string"],
  properties: ["an object of schemas", isSchemaObject],
  required: ["a list of names", isNames],
  prefixItems: ["a list of schemas", isList],
  pattern: ["a text", (value) => typeof value === "string"],
  format: ["a text", (value) => typeof value === "string"],
  ...Object.fromEntries(
    ["minItems", "maxItems", "minLength", "maxLength"].map((key) => [key, ["a whole number of 0 or more", isCount]]),
  ),
  ...Object.fromEntries(
    ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"].map((key) => [key, ["a number", Number.isFinite]]),
  ),
}

function checkValue(key: string, value: unknown, path: SchemaPath): void {
  const rule = VALUES[key]
  if (rule && !rule[1](value)) throw refused(path, `${key} must be ${rule[0]}, not ${shown(value)}`)
}
