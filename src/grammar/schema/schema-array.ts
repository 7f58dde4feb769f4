/** Arrays: the first items by their own schemas, then any number of others within the bounds. */

import type { Node } from "../nodes.js"
import type { SchemaCompiler } from "./schema-compiler.js"
import { refused, type Schema, type SchemaPath } from "./schema-keywords.js"

export function arrayGrammar(compiler: SchemaCompiler, schema: Schema, path: SchemaPath): Node {
  const { builder, json } = compiler
  if (Array.isArray(schema.items))
    throw refused([...path, "items"], "a list of items is not supported", "say prefixItems")
  const prefix = (schema.prefixItems ?? []) as readonly unknown[]
  const least = (schema.minItems ?? 0) as number
  const most = (schema.maxItems ?? Number.POSITIVE_INFINITY) as number
  // Behind items with schemas of their own, others are written only if they are asked for.
  const isOpen = prefix.length === 0 || least > prefix.length
  const item = compiler.compile(schema.items ?? isOpen, [...path, "items"])
  const end = builder.text("]")
  const more = (from: number): Node =>
    builder.repeat(builder.sequence(json.comma, item), Math.max(0, least - from), most - from)
  let tail = builder.sequence(
    prefix.length === 0
      ? builder.choice(
          least === 0 ? builder.empty : builder.never,
          most === 0 ? builder.never : builder.sequence(item, more(1)),
        )
      : more(prefix.length),
    end,
  )
  for (let i = prefix.length - 1; i >= 0; i--) {
    const own = compiler.compile(prefix[i], [...path, "prefixItems", i])
    const goesOn = i >= most ? builder.never : builder.sequence(i === 0 ? builder.empty : json.comma, own, tail)
    tail = builder.choice(i >= least ? end : builder.never, goesOn)
  }
  return builder.sequence(builder.text("["), tail)
}
