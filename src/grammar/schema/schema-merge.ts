/** Two schemas that must both hold, as one: `allOf`, and what stands beside `$ref`, `anyOf` and `oneOf`. */

import { isDeepStrictEqual } from "node:util"
import { constraintsOf, refused, type Schema, type SchemaPath } from "./schema-keywords.js"
import { commonTypes } from "./schema-types.js"
import { statedTypes } from "./schema-values.js"

type Merge = (a: unknown, b: unknown, path: SchemaPath) => unknown

const least: Merge = (a, b) => Math.min(a as number, b as number)
const greatest: Merge = (a, b) => Math.max(a as number, b as number)

/** How two values of a keyword become one; all others must be the same. */
const MERGES: Readonly<Record<string, Merge>> = {
  minimum: greatest,
  exclusiveMinimum: greatest,
  minLength: greatest,
  minItems: greatest,
  maximum: least,
  exclusiveMaximum: least,
  maxLength: least,
  maxItems: least,
  required: (a, b) => [...new Set([...(a as string[]), ...(b as string[])])],
  enum: (a, b) => (a as unknown[]).filter((value) => (b as unknown[]).some((other) => isDeepStrictEqual(value, other))),
  properties: (a, b, path) => {
    const merged: Record<string, unknown> = { ...(a as Schema) }
    for (const [name, schema] of Object.entries(b as Schema))
      merged[name] = Object.hasOwn(merged, name) ? both(merged[name], schema, [...path, name]) : schema
    return merged
  },
  items: both,
}

/** Both of two sub-schemas. References in them are followed when it is compiled. */
function both(a: unknown, b: unknown, path: SchemaPath): unknown {
  if (isDeepStrictEqual(a, b) || b === true) return a
  if (a === true) return b
  if (a === false || b === false) return false
  return { allOf: [constraintsOf(a, path), constraintsOf(b, path)] }
}

/**
 * @returns false where no value satisfies both
 * @throws UserError for what cannot be said by one schema
 */
export function mergeSchemas(a: Schema, b: Schema, path: SchemaPath): Schema | false {
  const merged: Record<string, unknown> = {}
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (key === "type" || key === "nullable" || key === "additionalProperties") continue
    const [one, other] = [a[key], b[key]]
    if (one === undefined || other === undefined || isDeepStrictEqual(one, other)) merged[key] = one ?? other
    else if (key === "allOf") merged[key] = [...(one as unknown[]), ...(other as unknown[])]
    else if (key === "const") return false
    else if (MERGES[key]) merged[key] = MERGES[key](one, other, [...path, key])
    else throw refused(path, `${key} cannot be asked for twice`, "say both in one schema")
  }
  if (Array.isArray(merged.enum) && merged.enum.length === 0) return false
  if (merged.const !== undefined && Array.isArray(merged.enum)) {
    if (!merged.enum.some((value) => isDeepStrictEqual(value, merged.const))) return false
    delete merged.enum
  }
  const additional = mergeAdditional(a, b, path)
  if (additional !== undefined) merged.additionalProperties = additional
  const isTyped = [a, b].some(({ type }) => type !== undefined)
  if (!isTyped) return merged
  const types = commonTypes(statedTypes(a), statedTypes(b))
  return types.length === 0 ? false : { ...merged, type: types }
}

/** What one of two schemas forbids by `additionalProperties` depends on its own properties: those must be the same. */
function mergeAdditional(a: Schema, b: Schema, path: SchemaPath): unknown {
  const [one, other] = [a.additionalProperties, b.additionalProperties]
  if (one === undefined && other === undefined) return undefined
  const names = ({ properties = {} }: Schema): string[] => Object.keys(properties as object).sort()
  const limits = (value: unknown): boolean => value !== undefined && value !== true
  const namesMore = (schema: Schema, than: Schema): boolean => names(schema).some((name) => !names(than).includes(name))
  if ((limits(one) && namesMore(b, a)) || (limits(other) && namesMore(a, b)))
    throw refused(
      [...path, "additionalProperties"],
      "additionalProperties cannot be followed where schemas with other properties must hold as well",
      "put all properties into the schema that says additionalProperties",
    )
  if (!limits(one)) return other ?? one
  if (!limits(other)) return one
  return both(one, other, [...path, "additionalProperties"])
}
