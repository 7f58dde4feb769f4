/**
 * Objects: properties in the order in which the schema lists them, each at most once; then those it does not list, where it
 * says that there may be any.
 */

import type { Node } from "../nodes.js"
import type { SchemaCompiler } from "./schema-compiler.js"
import { refused, type Schema, type SchemaPath } from "./schema-keywords.js"

/** Names that others must differ from, character by character. */
const LONGEST_NAME = 200

export function objectGrammar(compiler: SchemaCompiler, schema: Schema, path: SchemaPath): Node {
  const { builder, json } = compiler
  const properties = (schema.properties ?? {}) as Schema
  const required = new Set((schema.required ?? []) as string[])
  // Nothing is said of properties at all: any object. Beside named ones, others are written only if they are asked for.
  const isOpen = schema.properties === undefined && required.size === 0
  const additional = schema.additionalProperties ?? isOpen
  const unnamed = [...required].filter((name) => !Object.hasOwn(properties, name))
  const rest = schema.additionalProperties ?? true
  const members = [
    ...Object.entries(properties).map(([name, value]) => ({ name, value, at: [...path, "properties", name] })),
    ...unnamed.map((name) => ({ name, value: rest, at: [...path, "additionalProperties"] })),
  ]
  const pairs = members.map(({ name, value, at }) => ({
    name,
    pair: builder.sequence(json.literal(name), json.colon, compiler.compile(value, at)),
  }))
  const long = members.find(({ name }) => name.length > LONGEST_NAME)
  if (additional !== false && long)
    throw refused(
      [...path, "properties"],
      `names of more than ${LONGEST_NAME} characters beside others are not supported`,
    )
  const other =
    additional === false
      ? builder.never
      : builder.sequence(
          json.keyExcept(members.map(({ name }) => name)),
          json.colon,
          compiler.compile(additional, [...path, "additionalProperties"]),
        )
  const others = builder.repeat(builder.sequence(json.comma, other), 0)
  // From the last property to the first: what follows where none was written yet, and where one was.
  let first = builder.optional(builder.sequence(other, others))
  let later = others
  for (const { name, pair } of pairs.reverse()) {
    const [begun, gone] = [builder.sequence(pair, later), builder.sequence(json.comma, pair, later)]
    ;[first, later] = required.has(name) ? [begun, gone] : [builder.choice(begun, first), builder.choice(gone, later)]
  }
  return builder.sequence(builder.text("{"), first, builder.text("}"))
}
