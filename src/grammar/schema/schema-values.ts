/** Values that stand in a schema, and schemas that no value satisfies both of. */

import { isDeepStrictEqual } from "node:util"
import { isSchemaObject, KEYWORDS_OF, type Schema } from "./schema-keywords.js"
import { commonTypes, TYPES, type TypeName, typeOfValue } from "./schema-types.js"

/** The types that a schema's values may have. A schema that names none means those its keywords speak of. */
export function typesOf(schema: Schema): readonly TypeName[] {
  const named = schema.type === undefined ? impliedTypes(schema) : ([schema.type].flat() as TypeName[])
  const all = schema.nullable === true && !named.includes("null") ? [...named, "null" as const] : named
  return all.includes("number") ? all.filter((type) => type !== "integer") : all
}

function impliedTypes(schema: Schema): readonly TypeName[] {
  const implied = new Set(Object.keys(schema).flatMap((key) => KEYWORDS_OF[key] ?? []))
  return implied.size > 0 ? [...implied] : TYPES
}

/** The types that a schema names, or those of the values that it lists. One that does neither leaves all open. */
export function statedTypes(schema: Schema): readonly TypeName[] {
  const values = listedValues(schema)
  if (values) return [...new Set(values.map(typeOfValue))]
  return schema.type === undefined ? TYPES : typesOf(schema)
}

/** The values that `enum` and `const` leave, those of another type left out. */
export function listedValues(schema: Schema): readonly unknown[] | undefined {
  const listed =
    schema.const !== undefined ? [schema.const] : schema.enum === undefined ? undefined : (schema.enum as unknown[])
  if (!listed || schema.type === undefined) return listed
  const types = typesOf(schema)
  return listed.filter((value) => commonTypes([typeOfValue(value)], types).length > 0)
}

/**
 * Whether it is certain that no value satisfies both: by their types, their listed values, or a property that both require.
 * @param resolve what a sub-schema says with its references followed; undefined where that is not so simple
 */
export function areDisjoint(a: Schema, b: Schema, resolve: (schema: unknown) => Schema | undefined): boolean {
  const [valuesOfA, valuesOfB] = [listedValues(a), listedValues(b)]
  const common = commonTypes(statedTypes(a), statedTypes(b))
  if (common.length === 0) return true
  if (valuesOfA && valuesOfB)
    return !valuesOfA.some((value) => valuesOfB.some((other) => isDeepStrictEqual(value, other)))
  if (common.some((type) => type !== "object")) return false
  const [required, others] = [requiredOf(a), requiredOf(b)]
  if (required.some((name) => forbids(b, name)) || others.some((name) => forbids(a, name))) return true
  return required.some((name) => {
    if (!others.includes(name)) return false
    const [one, other] = [propertyOf(a, name, resolve), propertyOf(b, name, resolve)]
    return one !== undefined && other !== undefined && areDisjoint(one, other, resolve)
  })
}

const requiredOf = ({ required = [] }: Schema): readonly string[] => required as string[]

const forbids = ({ properties = {}, additionalProperties }: Schema, name: string): boolean =>
  additionalProperties === false && !Object.hasOwn(properties as object, name)

function propertyOf(
  { properties = {} }: Schema,
  name: string,
  resolve: (schema: unknown) => Schema | undefined,
): Schema | undefined {
  const schema = Object.hasOwn(properties as object, name) ? (properties as Schema)[name] : undefined
  return isSchemaObject(schema) ? resolve(schema) : undefined
}
